"""Paths in class folders, `[train|val|test/[images/]]class/name`; folders inside a class are classes of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from datumaro import DatasetItem, Label, MediaElement

from otx.data.formats.reading import Part, Reading, by_subset
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, SubsetName, subset_name

_IMAGES = frozenset({"image", "images", "imgs"})
_NOT_CLASSES = _IMAGES | {
    "annotations", "ground_truth", "gtfine", "jpegimages", "label", "labels", "leftimg8bit", "mask", "masks",
    "segmentationclass", "segmentationobject",
}  # fmt: skip
"""Folders that images lie in for other reasons than their class."""


def class_folders(
    paths: Sequence[str], kind: str, images: Sequence[str], media: Callable[[str], MediaElement]
) -> Reading | str:
    """The classes that the folders of some paths stand for, or in words why they stand for none.

    Args:
        paths: Relative paths of images or videos, or of folders that are clips.
        kind: What they are, for messages: `image`, `video`.
        images: The files that they are made of.
        media: From one of the paths to what Datumaro calls a medium.
    """
    base = _base(paths)
    parts = {path: path[len(base) :].split("/") for path in paths}
    subset_folders = {names[0] for names in parts.values() if len(names) > 2 and _whole_subset(names[0])}
    depth = 1 if subset_folders else 0
    if depth and all(len(names) > 3 and names[1].lower() in _IMAGES for names in parts.values()):
        parts = {path: [names[0], *names[2:]] for path, names in parts.items()}
    classes = {names[depth] for names in parts.values() if len(names) > depth + 1}
    misfits = {folder for names in parts.values() for folder in names[:-1] if folder.lower() in _NOT_CLASSES}
    misfits |= {folder for names in parts.values() for folder in names[depth + 1 : -1] if _whole_subset(folder)}
    named = set(map(subset_name, classes))  # `ch4_train_images`, `ch4_test_images`
    misfits |= classes if all(map(_whole_subset, classes)) or (len(named) > 1 and None not in named) else set()
    if misfits:
        return f"found {kind}s below a folder {min(misfits)!r}, which is no class"
    if len(classes) < 2:
        return f"found {len(paths)} {kind}s in {len(classes)} class folders, and at least 2 classes are needed"
    where = f" below {base.rstrip('/')}" if base else ""
    subsets = f" in {', '.join(sorted(subset_folders))}" if subset_folders else ""
    subset_of = {
        path: (_whole_subset(names[0]) or names[0]) if depth and len(names) > 1 else UNASSIGNED
        for path, names in parts.items()
    }
    class_of = {path: "/".join(names[depth:-1]) for path, names in parts.items()}

    def read(problems: Problems) -> list[Part]:
        labels = sorted(set(class_of.values()) - {""})
        for label in labels:
            if "/" in label:
                problems.add("folder inside a class folder read as a class of its own", label)
        index = {name: position for position, name in enumerate(labels)}
        items = []
        for path, label in class_of.items():
            if not label:
                problems.add(f"{kind} outside the class folders", path, "it has no label")
            annotations = [Label(index[label])] if label else []
            items.append(DatasetItem(id=path, media=media(path), annotations=annotations))
        return by_subset(items, subset_of, labels)

    return Reading(
        reason=f"{len(classes)} class folders with {len(paths)} {kind}s{subsets}{where}",
        images=frozenset(images),
        explicit=False,
        read=read,
    )


def _base(paths: Sequence[str]) -> str:
    """Folder, with a slash, that holds the subset or class folders: the root, or the only way down from it."""
    base: PurePosixPath = PurePosixPath()
    while True:
        below = {path[len(str(base)) + 1 :] if base.parts else path for path in paths}
        tops = {path.split("/")[0] for path in below}
        inside_folders = all(path.count("/") > 1 for path in below)
        if len(tops) > 1 or not inside_folders or _whole_subset(next(iter(tops))):
            return f"{base}/" if base.parts else ""
        base /= tops.pop()


def _whole_subset(folder: str) -> SubsetName | None:
    """The subset of a folder that is named for nothing else; `test_tube` is a class."""
    return subset_name(folder) if folder.strip("0123456789_-").isalpha() else None
