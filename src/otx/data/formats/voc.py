"""Pascal VOC: one XML file per image; subsets from `ImageSets/*/<subset>.txt`, or from the names of folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from datumaro.components.annotation import Annotation, AnnotationType, LabelCategories
from datumaro.components.contexts.importer import ImportContext, ImportErrorPolicy
from datumaro.components.dataset_base import SubsetBase
from datumaro.plugins.data_formats.voc.base import VocBase
from datumaro.plugins.data_formats.voc.format import VocTask
from defusedxml import ElementTree

from otx.data.formats.reading import Part, Reading, assign, by_subset, image_item, reading_annotation
from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_folder
from otx.data.tree import Absent, DataTree, folder_of, grouped, stem

LOOKED_FOR = ".xml files whose root is <annotation>, one per image"

_LIST_FOLDERS = ("Main", "Segmentation", "Layout", "Action")


@dataclass
class Entries:
    """Which images there are and where their annotations lie.

    Attributes:
        file_of: Image -> the file with its annotations.
        subset_of: Image -> name of its subset.
        problems: What did not fit.
    """

    file_of: dict[str, str] = field(default_factory=dict)
    subset_of: dict[str, str] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    paths = tree.with_suffix(".xml")
    folders = {folder for folder, inside in grouped(paths, folder_of).items() if _is_annotation(tree, inside[0])}
    xmls = [path for path in paths if folder_of(path) in folders]
    if not xmls:
        return f"found {len(paths)} .xml, none with the root <annotation>" if paths else "found no .xml"
    entries = Entries()
    for path in xmls:
        image = _image_of(tree, path)
        if isinstance(image, str):
            entries.file_of[image] = path
        else:
            entries.problems.add(image.kind, path, image.message, bad=True)
    source = assign_subsets(tree, entries)
    return Reading(
        reason=f"{len(xmls)} .xml in {', '.join(sorted(folders)) or 'the root'}{source}",
        images=frozenset(entries.subset_of),
        listed=True,
        problems=entries.problems,
        read=lambda problems: _read(tree, entries, problems),
    )


def _is_annotation(tree: DataTree, path: str) -> bool:
    with tree.files[path].open("rb") as stream:
        return re.search(rb"<annotation\b", stream.read(2000)) is not None


def _image_of(tree: DataTree, annotation: str) -> str | Absent:
    """The image of the same name: beside the annotation, or in a folder beside its folder."""
    folder = PurePosixPath(annotation).parent
    parts = list(folder.parts)
    beside = [str(folder)]
    for position in reversed(range(len(parts))):
        beside += ["/".join([*parts[:position], name, *parts[position + 1 :]]) for name in ("JPEGImages", "images")]
    folders = ["" if name == "." else name for name in beside]
    return tree.locate_image(stem(annotation), folders, subset_of_folder(annotation))


def assign_subsets(tree: DataTree, entries: Entries, folders: Sequence[str] = _LIST_FOLDERS) -> str:
    """Read the lists of `ImageSets`; where there are none, the folders of the annotations say the subset.

    Args:
        tree: Where the lists are.
        entries: Takes the subsets.
        folders: Of `ImageSets`; the first that has lists counts.

    Returns:
        A clause on the folder whose lists were used, or "".
    """
    lists = [path for path in tree.with_suffix(".txt") if "ImageSets/" in path and "_" not in stem(path)]
    for name in folders:
        there = [path for path in lists if path.split("/")[-2] == name and subset_name(stem(path))]
        chosen = [path for path in there if not _is_sum(path, there)]
        if not chosen:
            continue
        by_stem = grouped(entries.file_of, stem)
        for path in chosen:
            _read_list(tree, path, by_stem, entries)
        left = entries.file_of.keys() - entries.subset_of.keys()
        if left:
            entries.problems.add("image in no list", chosen[0], f"{len(left)} images are left out")
        return f"; subsets from {', '.join(sorted({*map(folder_of, chosen)}))}"
    entries.subset_of = {image: subset_of_folder(file) or UNASSIGNED for image, file in entries.file_of.items()}
    return ""


def _is_sum(path: str, lists: Sequence[str]) -> bool:
    """Whether a list is that of training and validation, and each has one of its own beside it."""
    return stem(path) == "trainval" and {f"{folder_of(path)}/{name}.txt" for name in ("train", "val")} <= {*lists}


def _read_list(tree: DataTree, path: str, by_stem: dict[str, list[str]], entries: Entries) -> None:
    folder = path.partition("ImageSets/")[0]
    subset = subset_name(stem(path)) or UNASSIGNED
    for where, line in tree.lines(path):
        name = line.split("#")[0].strip().strip('"')
        if not name:
            continue
        # Of images of equal names, such as those of two years, the one that lies below the same folder.
        near = sorted(by_stem.get(name, ()), key=lambda image: not image.startswith(folder))
        image = near[0] if near else tree.locate_image(name, [f"{folder}JPEGImages", f"{folder}images"])
        assign(image, subset, where, entries.subset_of, entries.problems)


class _Reader(VocBase, ImportErrorPolicy):
    """Reads boxes; classes become known as they are met (VOC declares them nowhere)."""

    def __init__(self, tree: DataTree, problems: Problems) -> None:
        SubsetBase.__init__(self, ctx=ImportContext(error_policy=self))
        self._task = VocTask.voc_detection
        self._coordinate_mode = "voc-one-based"
        self._categories = {AnnotationType.label: LabelCategories.from_iterable(dict.fromkeys(_declared(tree)))}
        self._problems = problems

    def boxes(self, path: Path, file: str) -> tuple[list[Annotation], tuple[int, int] | None]:
        """The boxes of a file, and the height and width of its image; what it calls the image does not matter."""
        root = ElementTree.parse(path).getroot()
        if root.tag != "annotation":
            raise ValueError(f"expected the root <annotation>, found <{root.tag}>")
        height, width = (self._parse_field(root, f"size/{side}", int, required=False) for side in ("height", "width"))
        return self._parse_annotations(root, item_id=(file, "")), (height, width) if height and width else None

    def report_annotation_error(self, error: Exception, *, item_id: tuple[str, str]) -> None:
        """Note it, and go on."""
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        self._problems.add(BAD_ANNOTATION, item_id[0], f"{error}{cause}", bad=True)

    def _get_label_id(self, label: str) -> int:
        labels = self._categories[AnnotationType.label]
        position: int | None = labels.find(label.strip())[0]
        return labels.add(label.strip()) if position is None else position


def _read(tree: DataTree, entries: Entries, problems: Problems) -> list[Part]:
    """Read the boxes of the images that belong to a subset; those without annotation file have no objects."""
    reader = _Reader(tree, problems)
    items = []
    for image, file in entries.file_of.items():
        if image in entries.subset_of:
            with reading_annotation(problems, file):
                items.append(image_item(tree, image, *reader.boxes(tree.files[file], file)))
    boxes = [box for item in items for box in item.annotations]
    if any(min(box.points[:2]) < 0 for box in boxes):
        # VOC counts pixels from 1; a box that starts at 0 was written by a tool that counts from 0.
        for box in boxes:
            box.points = [box.points[0] + 1, box.points[1] + 1, *box.points[2:]]
    items += [image_item(tree, image) for image in entries.subset_of if image not in entries.file_of]
    labels = [entry.name for entry in reader.categories()[AnnotationType.label]]
    return by_subset(items, entries.subset_of, labels)


def _declared(tree: DataTree) -> Iterable[str]:
    """Class names of a `labelmap.txt` (`name:colour:parts:actions` per line)."""
    for path in tree.with_suffix(".txt"):
        if path.rpartition("/")[2] == "labelmap.txt":
            for _, line in tree.lines(path):
                name = line.partition(":")[0].strip()
                if name and not name.startswith("#") and name != "background":
                    yield name
