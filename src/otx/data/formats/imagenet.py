"""ImageNet-like folders: `[train|val|test/]class/image`; a class may have folders of its own below it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from otx.data.formats.reading import Part, Reading
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, SubsetName, subset_name
from otx.data.tree import DataTree

NAME = "imagenet"
LOOKED_FOR = "one folder of images per class, in the data root or in folders train, val, test"

_NOT_CLASSES = frozenset(
    {"annotations", "ground_truth", "gtfine", "image", "images", "imgs", "jpegimages", "label", "labels",
     "leftimg8bit", "mask", "masks", "segmentationclass", "segmentationobject"}
)  # fmt: skip
"""Folders that images lie in for other reasons than their class."""


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    if not tree.images:
        return "found no images"
    base = _base(tree)
    parts = {image: image[len(base) :].split("/") for image in tree.images}
    subset_folders = {path[0] for path in parts.values() if len(path) > 2 and _whole_subset(path[0])}
    depth = 1 if subset_folders else 0
    classes = {path[depth] for path in parts.values() if len(path) > depth + 1}
    misfits = {folder for path in parts.values() for folder in path[:-1] if folder.lower() in _NOT_CLASSES}
    misfits |= {folder for path in parts.values() for folder in path[depth + 1 : -1] if _whole_subset(folder)}
    misfits |= classes if all(map(_whole_subset, classes)) else set()
    if misfits:
        return f"found images below a folder {min(misfits)!r}, which is no class"
    if len(classes) < 2:
        return f"found {len(tree.images)} images in {len(classes)} class folders, and at least 2 classes are needed"
    where = f" below {base.rstrip('/')}" if base else ""
    subsets = f" in {', '.join(sorted(subset_folders))}" if subset_folders else ""
    return Reading(
        format=NAME,
        reason=f"{len(classes)} class folders with {len(tree.images)} images{subsets}{where}",
        images=frozenset(tree.images),
        explicit=False,
        read=lambda problems: _read(tree, parts, depth, problems),
    )


def _base(tree: DataTree) -> str:
    """Folder, with a slash, that holds the subset or class folders: the root, or the only way down from it."""
    base: PurePosixPath = PurePosixPath()
    while True:
        below = {image[len(str(base)) + 1 :] if base.parts else image for image in tree.images}
        tops = {path.split("/")[0] for path in below}
        inside_folders = all(path.count("/") > 1 for path in below)
        if len(tops) > 1 or not inside_folders or _whole_subset(next(iter(tops))):
            return f"{base}/" if base.parts else ""
        base /= tops.pop()


def _whole_subset(folder: str) -> SubsetName | None:
    """The subset of a folder that is named for nothing else; `test_tube` is a class."""
    return subset_name(folder) if folder.strip("0123456789_-").isalpha() else None


def _read(tree: DataTree, parts: Mapping[str, list[str]], depth: int, problems: Problems) -> list[Part]:
    """Datumaro's own reader of this format loses images that differ in their suffix only, and follows links out."""
    from datumaro import DatasetItem, Label
    from datumaro.components.media import Image

    class_of = {image: "/".join(path[depth:-1]) for image, path in parts.items()}
    labels = sorted(set(class_of.values()) - {""})
    index = {name: position for position, name in enumerate(labels)}
    subsets: dict[str, Part] = {}
    for image, path in parts.items():
        subset = (_whole_subset(path[0]) or path[0]) if depth and len(path) > 1 else UNASSIGNED
        if not class_of[image]:
            problems.add("image outside the class folders", image, "it has no label")
        item = DatasetItem(
            id=image,
            media=Image.from_file(path=str(tree.files[image])),
            annotations=[Label(index[class_of[image]])] if class_of[image] else [],
        )
        subsets.setdefault(subset, Part(subset, labels, [])).items.append(item)
    return list(subsets.values())
