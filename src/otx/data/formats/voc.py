"""Pascal VOC: one XML file per image; subsets from `ImageSets/*/<subset>.txt`, or from the names of folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from otx.data.formats.reading import Part, Reading
from otx.data.problems import MISSING_IMAGE, OUTSIDE, Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_folder
from otx.data.tree import DataTree, NotLocatedError, stem

NAME = "voc"
LOOKED_FOR = ".xml files whose root is <annotation>, one per image"

_LIST_FOLDERS = ("Main", "Segmentation", "Layout", "Action")


@dataclass
class Entries:
    """Which images there are and where their annotations lie.

    Attributes:
        file_of: Image -> the file with its annotations.
        subset_of: Image -> name of its subset.
        problems: Files that could not be matched.
    """

    file_of: dict[str, str] = field(default_factory=dict)
    subset_of: dict[str, str] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    paths = tree.with_suffix(".xml")
    first_of_folder = {path.rpartition("/")[0]: path for path in reversed(paths)}
    folders = {folder for folder, path in first_of_folder.items() if _is_annotation(tree, path)}
    xmls = [path for path in paths if path.rpartition("/")[0] in folders]
    if not xmls:
        return f"found {len(paths)} .xml, none with the root <annotation>" if paths else "found no .xml"
    entries = Entries()
    for path in xmls:
        try:
            entries.file_of[_image_of(tree, path)] = path
        except NotLocatedError as error:
            entries.problems.add(OUTSIDE if error.outside else MISSING_IMAGE, path, str(error), bad=True)
    source = assign_subsets(tree, entries)
    if not source:
        entries.subset_of = {image: subset_of_folder(xml) or UNASSIGNED for image, xml in entries.file_of.items()}
    return Reading(
        format=NAME,
        reason=f"{len(xmls)} .xml in {', '.join(sorted(folders)) or 'the root'}"
        + (f"; subsets from {source}" if source else ""),
        images=frozenset(entries.subset_of),
        read=lambda problems: _read(tree, entries, problems),
    )


def _is_annotation(tree: DataTree, path: str) -> bool:
    with tree.files[path].open("rb") as stream:
        return b"<annotation" in stream.read(2000)


def _image_of(tree: DataTree, annotation: str) -> str:
    """The image of the same name: beside the annotation, or in a folder beside its folder."""
    folder = PurePosixPath(annotation).parent
    parts = list(folder.parts)
    beside = [str(folder)]
    for position in reversed(range(len(parts))):
        beside += ["/".join([*parts[:position], name, *parts[position + 1 :]]) for name in ("JPEGImages", "images")]
    folders = ["" if name == "." else name for name in beside]
    return tree.locate_image(stem(annotation), folders, subset_of_folder(annotation))


def assign_subsets(tree: DataTree, entries: Entries, folders: Sequence[str] = _LIST_FOLDERS) -> str:
    """Read the lists of `ImageSets`, if there are any.

    Args:
        tree: Where the lists are.
        entries: Takes the subsets.
        folders: Of `ImageSets`; the first that has lists counts.

    Returns:
        The folder whose lists were used, or "".
    """
    lists = [path for path in tree.with_suffix(".txt") if "ImageSets/" in path and "_" not in stem(path)]
    for name in folders:
        chosen = {stem(path): path for path in lists if path.split("/")[-2] == name and subset_name(stem(path))}
        if {"train", "val"} <= chosen.keys():
            chosen.pop("trainval", None)
        if not chosen:
            continue
        by_stem = {stem(image): image for image in entries.file_of}
        for path in chosen.values():
            _read_list(tree, path, by_stem, entries)
        left = entries.file_of.keys() - entries.subset_of.keys()
        if left:
            entries.problems.add("image in no list", next(iter(chosen.values())), f"{len(left)} images are left out")
        return next(iter(chosen.values())).rpartition("/")[0]
    return ""


def _read_list(tree: DataTree, path: str, by_stem: dict[str, str], entries: Entries) -> None:
    folder = path.partition("ImageSets/")[0]
    subset = subset_name(stem(path)) or UNASSIGNED
    for number, line in enumerate(tree.read_text(path).splitlines(), start=1):
        name = line.split("#")[0].strip().strip('"')
        if not name:
            continue
        where = f"{path}:{number}"
        try:
            image = by_stem.get(name) or tree.locate_image(name, [f"{folder}JPEGImages", f"{folder}images"])
        except NotLocatedError as error:
            entries.problems.add(OUTSIDE if ".." in name else MISSING_IMAGE, where, str(error), bad=True)
            continue
        known = entries.subset_of.setdefault(image, subset)
        if known != subset:
            entries.problems.add("image in two subsets", where, f"{image} stays in {known}")


def _read(tree: DataTree, entries: Entries, problems: Problems) -> list[Part]:
    from otx.data.formats.voc_annotations import read_annotations

    problems.extend(entries.problems)
    items, labels = read_annotations(tree, entries.file_of, _declared(tree), entries.subset_of, problems)
    parts: dict[str, Part] = {}
    for item in items:
        subset = entries.subset_of[item.id]
        parts.setdefault(subset, Part(subset, labels, [])).items.append(item)
    return list(parts.values())


def _declared(tree: DataTree) -> Iterable[str]:
    """Class names of a `labelmap.txt` (`name:colour:parts:actions` per line)."""
    for path in tree.with_suffix(".txt"):
        if path.rpartition("/")[2] == "labelmap.txt":
            for line in tree.read_text(path).splitlines():
                name = line.partition(":")[0].strip()
                if name and not name.startswith("#") and name != "background":
                    yield name
