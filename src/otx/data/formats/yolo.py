"""YOLO: one .txt per image with a line per object; Ultralytics' layout (`data.yaml`) and darknet's (`obj.data`).

A line is `class x y w h`, `class` and the corners of an outline or of a rotated box, or a box and its keypoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from datumaro import AnnotationType, PointsCategories

from otx.core.errors import UserError
from otx.data.formats.reading import Part, Reading, assign, by_subset, image_item, reading_annotation
from otx.data.formats.yolo_lines import Keypoints, declared_keypoints, objects_of
from otx.data.images import BrokenImageError, image_size
from otx.data.problems import BROKEN_IMAGE, OUTSIDE, Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_folder
from otx.data.tree import DataTree, folder_of, suffix

if TYPE_CHECKING:
    import datumaro as dm

LOOKED_FOR = "a .txt of the same name per image (in a folder labels, or beside it) with lines 'class x y w h'"

_LINE = re.compile(r"\s*\d+(\s+-?[\d.]+(e-?\d+)?){4,}\s*", re.IGNORECASE)


@dataclass
class Entries:
    """Which images there are, where their labels lie and what the classes are called.

    Attributes:
        label_of: Image -> its label file.
        subset_of: Image -> name of its subset.
        names: Class id -> name; empty if nothing in the data set says so.
        keypoints: What each object has, if the data set says so.
        origin: The file or folder names that say which image belongs to which subset.
        problems: What did not fit.
    """

    label_of: dict[str, str]
    subset_of: dict[str, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    keypoints: Keypoints | None = None
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
        listed = (path for path in tree.files if path.rpartition("/")[2] in {"classes.txt", "obj.names"})
        entries.names = _names(tree, next(listed, None))
    labelled = sum(image in entries.label_of for image in entries.subset_of)
    return Reading(
        reason=f"{labelled} of {len(entries.subset_of)} images have a .txt of objects; subsets from {entries.origin}",
        images=frozenset(entries.subset_of),
        problems=entries.problems,
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
        for _, line in tree.lines(path):
            return "" if _LINE.fullmatch(line) else f"{path} holds {line[:60]!r}"
    return ""


def _names(tree: DataTree, path: str | None) -> dict[int, str]:
    """The names in a file, one a line."""
    return dict(enumerate(line for _, line in tree.lines(path))) if path else {}


def _read_darknet(tree: DataTree, entries: Entries) -> bool:
    """Subsets and names from a `.data` file, whose lines are `train = data/train.txt`, `names = data/obj.names`."""
    for path in tree.with_suffix(".data"):
        config = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", tree.read_text(path), re.MULTILINE))
        if "names" not in config:
            continue
        entries.names = _names(tree, _named_file(tree, path, config["names"], entries.problems))
        for key, value in config.items():
            if subset := subset_name(key):
                _read_list(tree, path, value, subset, entries)
        entries.origin = path
        return True
    return False


def _named_file(tree: DataTree, config: str, name: str, problems: Problems) -> str | None:
    """A text file that a configuration names; None, and a problem, if it is not there."""
    place = tree.locate(name, [folder_of(config), ""])
    if isinstance(place, str):
        return place
    outside = place.kind == OUTSIDE
    problems.add(OUTSIDE if outside else "list is missing", config, place.message, bad=outside)
    return None


def _read_list(tree: DataTree, config: str, name: str, subset: str, entries: Entries) -> None:
    """Assign the images of a text file that has one path per line."""
    path = _named_file(tree, config, name, entries.problems)
    for where, line in tree.lines(path) if path else ():
        image = tree.locate(line, [folder_of(config), folder_of(where), ""])
        assign(image, subset, where, entries.subset_of, entries.problems)


def _read_yaml(tree: DataTree, entries: Entries) -> bool:
    """Subsets and names from a YAML file with `names`, as Ultralytics writes it."""
    for path in tree.with_suffix(".yaml", ".yml"):
        config = _config(tree, path, entries.problems)
        if config is None:
            continue
        entries.names = config["names"]
        if "kpt_shape" in config:
            entries.keypoints = declared_keypoints(config["kpt_shape"], config.get("flip_idx"), path)
        for key, value in config.items():
            subset = subset_name(str(key))
            if subset and value:
                for place in map(str, value if isinstance(value, list) else [value]):
                    if suffix(place) == ".txt":
                        _read_list(tree, path, place, subset, entries)
                    else:
                        _read_folder(tree, path, f"{config.get('path') or '.'}/{place}", subset, entries)
        if entries.subset_of:
            entries.origin = path
        return True
    return False


def _config(tree: DataTree, path: str, problems: Problems) -> dict[str, Any] | None:
    """What a YAML file says, its names by number; None if it has no such names."""
    try:
        config = yaml.safe_load(tree.read_text(path))
    except yaml.YAMLError as error:
        raise UserError(f"broken YAML in {tree.files[path]}: {error}") from error
    names = config.get("names") if isinstance(config, dict) else None
    if not isinstance(names, list | dict):
        return None
    pairs = names.items() if isinstance(names, dict) else enumerate(names)
    try:
        return {**config, "names": {int(number): str(name).strip() for number, name in pairs}}
    except (TypeError, ValueError):
        problems.add("YAML whose names are not by number left out", path, str(names)[:60])
        return None


def _read_folder(tree: DataTree, config: str, place: str, subset: str, entries: Entries) -> None:
    """Assign the images of a folder that a `train:` entry names.

    Such paths are often true only on the machine where they were written, so a folder counts by the end of its path.
    """
    wanted = [part for part in place.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    home = config.split("/")[:-1]
    for start in range(len(wanted)):
        for above in (home, []):
            folder = "/".join([*above, *wanted[start:]])
            images = [image for image in tree.images if image.startswith(f"{folder}/")]
            if images:
                for image in images:
                    assign(image, subset, config, entries.subset_of, entries.problems)
                return
    entries.problems.add("folder of a subset is missing", config, f"{subset}: {place}")


def _assign_by_folder(tree: DataTree, entries: Entries) -> None:
    """All images in folders that have label files; an image without one beside labelled ones is a negative."""
    for folder in {folder_of(image) for image in entries.label_of}:
        subset = subset_of_folder(folder) or UNASSIGNED
        entries.subset_of |= dict.fromkeys(tree.image_folders[folder], subset)


def _read(tree: DataTree, entries: Entries, problems: Problems) -> list[Part]:
    """Read the objects of the images that belong to a subset; those without a label file have no objects."""
    label_of = entries.label_of
    labels = _labels(tree, entries, problems)
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if twice:
        problems.add("class name given twice, merged", "names", ", ".join(twice))
    items = []
    for image in entries.subset_of:
        if image not in label_of:
            items.append(image_item(tree, image))
            continue
        try:
            size = image_size(tree.files[image])
        except BrokenImageError as error:
            problems.add(BROKEN_IMAGE, label_of[image], str(error), bad=True)
            continue
        with reading_annotation(problems, label_of[image]):
            objects = [
                one
                for group, (_, line) in enumerate(tree.lines(label_of[image]), start=1)
                for one in objects_of(line, group, size, len(labels), entries.keypoints)
            ]
            items.append(image_item(tree, image, objects))
    categories: dm.CategoriesInfo = {}
    if entries.keypoints:
        names = list(entries.keypoints.names)
        categories[AnnotationType.points] = PointsCategories.from_iterable((id_, names) for id_ in range(len(labels)))
    return by_subset(items, entries.subset_of, labels, categories)


def _labels(tree: DataTree, entries: Entries, problems: Problems) -> list[str]:
    """The names of the classes by their ids; without names the classes are named after their ids."""
    highest = max(entries.names, default=-1)
    if not entries.names:
        wanted = [label for image, label in entries.label_of.items() if image in entries.subset_of]
        words = [line.split()[0] for path in wanted for _, line in tree.lines(path)]
        highest = max((int(word) for word in words if word.isdecimal()), default=-1)
        problems.add("class names are missing", "data.yaml", f"classes are called class_0 to class_{highest}")
    return [entries.names.get(number, f"class_{number}") for number in range(highest + 1)]
