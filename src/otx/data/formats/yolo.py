"""YOLO: one .txt per image with lines `class x y w h`; Ultralytics' layout (`data.yaml`) and darknet's (`obj.data`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml

from otx.core.errors import UserError
from otx.data.formats.reading import Part, Reading
from otx.data.problems import MISSING_IMAGE, OUTSIDE, Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_folder
from otx.data.tree import DataTree, NotLocatedError, suffix

NAME = "yolo"
LOOKED_FOR = "a .txt of the same name per image (in a folder labels, or beside it) with lines 'class x y w h'"

_LINE = re.compile(r"\s*\d+(\s+-?[\d.]+(e-?\d+)?){4,}\s*", re.IGNORECASE)


@dataclass
class Entries:
    """Which images there are, where their labels lie and what the classes are called.

    Attributes:
        label_of: Image -> its label file.
        subset_of: Image -> name of its subset.
        names: Class id -> name; empty if nothing in the data set says so.
        origin: The file or folder names that say which image belongs to which subset.
        problems: What did not fit.
    """

    label_of: dict[str, str]
    subset_of: dict[str, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    origin: str = "the names of folders"
    problems: Problems = field(default_factory=Problems)


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    texts = {path for path in tree.files if suffix(path) == ".txt"}
    entries = Entries({image: label for image in tree.images if (label := _label_file(image, texts))})
    if not entries.label_of:
        return "found no .txt that has the name of an image"
    wrong = _wrong_line(tree, entries.label_of.values())
    if wrong:
        return f"found {len(entries.label_of)} .txt with the names of images, but {wrong}"
    _read_darknet(tree, entries) or _read_yaml(tree, entries)
    if not entries.subset_of:
        _assign_by_folder(tree, entries)
    if not entries.names:
        entries.names = _listed_names(tree)
    labelled = sum(image in entries.label_of for image in entries.subset_of)
    return Reading(
        format=NAME,
        reason=f"{labelled} of {len(entries.subset_of)} images have a .txt of boxes; subsets from {entries.origin}",
        images=frozenset(entries.subset_of),
        read=lambda problems: _read(tree, entries, problems),
    )


def _label_file(image: str, texts: set[str]) -> str:
    """Where Ultralytics looks (the last `images` folder replaced by `labels`), or beside the image as in darknet."""
    trunk = image.rpartition(".")[0]
    head, found, tail = f"/{trunk}".rpartition("/images/")
    there = f"{head}/labels/{tail}.txt".removeprefix("/") if found else ""
    return next((path for path in (there, f"{trunk}.txt") if path in texts), "")


def _wrong_line(tree: DataTree, labels: Iterable[str]) -> str:
    """What the first label file that is not empty holds instead of boxes; "" if it holds boxes."""
    for path in labels:
        line = next((line for line in tree.read_text(path).splitlines() if line.strip()), "")
        if line:
            return "" if _LINE.fullmatch(line) else f"{path} holds {line[:60]!r}"
    return ""


def _read_darknet(tree: DataTree, entries: Entries) -> bool:
    """Subsets and names from a `.data` file, whose lines are `train = data/train.txt`, `names = data/obj.names`."""
    for path in tree.with_suffix(".data"):
        config = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", tree.read_text(path), re.MULTILINE))
        if "names" not in config:
            continue
        folders = [path.rpartition("/")[0], ""]
        try:
            lines = tree.read_text(tree.locate(config["names"], folders)).splitlines()
        except NotLocatedError as error:
            _note_missing_list(path, error, entries)
        else:
            entries.names = dict(enumerate(line.strip() for line in lines if line.strip()))
        for key, value in config.items():
            if subset_name(key):
                _read_list(tree, path, value, str(subset_name(key)), entries)
        entries.origin = path
        return True
    return False


def _read_list(tree: DataTree, config: str, name: str, subset: str, entries: Entries) -> None:
    """Assign the images of a text file that has one path per line."""
    folder = config.rpartition("/")[0]
    try:
        path = tree.locate(name, [folder, ""])
    except NotLocatedError as error:
        _note_missing_list(config, error, entries)
        return
    for number, line in enumerate(tree.read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            _assign(tree.locate(line, [folder, path.rpartition("/")[0], ""]), subset, f"{path}:{number}", entries)
        except NotLocatedError as error:
            kind = OUTSIDE if error.outside else MISSING_IMAGE
            entries.problems.add(kind, f"{path}:{number}", str(error), bad=True)


def _note_missing_list(config: str, error: NotLocatedError, entries: Entries) -> None:
    entries.problems.add(OUTSIDE if error.outside else "list is missing", config, str(error), bad=error.outside)


def _assign(image: str, subset: str, where: str, entries: Entries) -> None:
    known = entries.subset_of.setdefault(image, subset)
    if known != subset:
        entries.problems.add("image in two subsets", where, f"{image} stays in {known}")


def _read_yaml(tree: DataTree, entries: Entries) -> bool:
    """Subsets and names from a YAML file with `names`, as Ultralytics writes it."""
    for path in tree.with_suffix(".yaml", ".yml"):
        try:
            config = yaml.safe_load(tree.read_text(path))
        except yaml.YAMLError as error:
            msg = f"broken YAML in {tree.files[path]}: {error}"
            raise UserError(msg) from error
        if not isinstance(config, dict) or not isinstance(config.get("names"), list | dict):
            continue
        names = config["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        entries.names = {int(number): str(name).strip() for number, name in pairs}
        for key, value in config.items():
            subset = subset_name(str(key))
            if subset and value:
                for place in value if isinstance(value, list) else [value]:
                    _assign_place(tree, path, str(config.get("path") or ""), str(place), subset=subset, entries=entries)
        if entries.subset_of:
            entries.origin = path
        return True
    return False


def _assign_place(tree: DataTree, config: str, base: str, place: str, *, subset: str, entries: Entries) -> None:
    """Assign what a `train:` entry names: a list of images, or a folder of them.

    Such paths are often true only on the machine where they were written, so a folder counts by the end of its path.
    """
    if suffix(place) == ".txt":
        _read_list(tree, config, place, subset, entries)
        return
    wanted = [part for part in f"{base}/{place}".replace("\\", "/").split("/") if part not in ("", ".", "..")]
    home = config.split("/")[:-1]
    for start in range(len(wanted)):
        for above in (home, []):
            folder = "/".join([*above, *wanted[start:]])
            images = [image for image in tree.images if image.startswith(f"{folder}/")]
            if images:
                for image in images:
                    _assign(image, subset, config, entries)
                return
    entries.problems.add("folder of a subset is missing", config, f"{subset}: {place}")


def _assign_by_folder(tree: DataTree, entries: Entries) -> None:
    """All images in folders that have label files; an image without one beside labelled ones is a negative."""
    labelled = {image.rpartition("/")[0] for image in entries.label_of}
    for folder in labelled:
        for image in tree.image_folders[folder]:
            entries.subset_of[image] = subset_of_folder(folder) or UNASSIGNED


def _listed_names(tree: DataTree) -> dict[int, str]:
    for path in tree.with_suffix(".txt", ".names"):
        if path.rpartition("/")[2] in {"classes.txt", "obj.names"}:
            return dict(enumerate(line.strip() for line in tree.read_text(path).splitlines() if line.strip()))
    return {}


def _read(tree: DataTree, entries: Entries, problems: Problems) -> list[Part]:
    from otx.data.formats.yolo_labels import read_labels

    problems.extend(entries.problems)
    items, labels = read_labels(tree, entries.label_of, entries.names, entries.subset_of, problems)
    parts: dict[str, Part] = {}
    for item in items:
        subset = entries.subset_of[item.id]
        parts.setdefault(subset, Part(subset, labels, [])).items.append(item)
    return list(parts.values())
