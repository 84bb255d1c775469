"""Paths in class folders, `[train|val|test/]class/name`; a class may have folders of its own below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from otx.data.formats.reading import Part
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, SubsetName, subset_name

if TYPE_CHECKING:
    import datumaro as dm

_NOT_CLASSES = frozenset(
    {"annotations", "ground_truth", "gtfine", "image", "images", "imgs", "jpegimages", "label", "labels",
     "leftimg8bit", "mask", "masks", "segmentationclass", "segmentationobject"}
)  # fmt: skip
"""Folders that images lie in for other reasons than their class."""


@dataclass(frozen=True)
class ClassFolders:
    """How folders tell the classes of what lies in them.

    Attributes:
        reason: The evidence in words.
        labels: Class names, sorted.
        class_of: Relative path -> class; "" for what lies outside the class folders.
        subset_of: Relative path -> subset.
    """

    reason: str
    labels: list[str]
    class_of: dict[str, str]
    subset_of: dict[str, str]

    def parts(self, kind: str, problems: Problems, media: Callable[[str], dm.MediaElement]) -> list[Part]:
        """Items by subset.

        Args:
            kind: What the paths are, for a report: `image`, `video`.
            problems: Takes those without a class.
            media: From a relative path to what Datumaro calls a medium.
        """
        from datumaro import DatasetItem, Label

        index = {name: position for position, name in enumerate(self.labels)}
        subsets: dict[str, Part] = {}
        for path, label in self.class_of.items():
            if not label:
                problems.add(f"{kind} outside the class folders", path, "it has no label")
            annotations = [Label(index[label])] if label else []
            subset = self.subset_of[path]
            part = subsets.setdefault(subset, Part(subset, self.labels, []))
            part.items.append(DatasetItem(id=path, media=media(path), annotations=annotations))
        return list(subsets.values())


def class_folders(paths: Sequence[str], kind: str) -> ClassFolders | str:
    """The classes that the folders of some paths stand for, or in words why they stand for none.

    Args:
        paths: Relative paths of images or videos, or of folders that are clips.
        kind: What they are, for messages: `image`, `video`.
    """
    base = _base(paths)
    parts = {path: path[len(base) :].split("/") for path in paths}
    subset_folders = {names[0] for names in parts.values() if len(names) > 2 and _whole_subset(names[0])}
    depth = 1 if subset_folders else 0
    classes = {names[depth] for names in parts.values() if len(names) > depth + 1}
    misfits = {folder for names in parts.values() for folder in names[:-1] if folder.lower() in _NOT_CLASSES}
    misfits |= {folder for names in parts.values() for folder in names[depth + 1 : -1] if _whole_subset(folder)}
    misfits |= classes if all(map(_whole_subset, classes)) else set()
    if misfits:
        return f"found {kind}s below a folder {min(misfits)!r}, which is no class"
    if len(classes) < 2:
        return f"found {len(paths)} {kind}s in {len(classes)} class folders, and at least 2 classes are needed"
    class_of = {path: "/".join(names[depth:-1]) for path, names in parts.items()}
    where = f" below {base.rstrip('/')}" if base else ""
    subsets = f" in {', '.join(sorted(subset_folders))}" if subset_folders else ""
    return ClassFolders(
        reason=f"{len(classes)} class folders with {len(paths)} {kind}s{subsets}{where}",
        labels=sorted(set(class_of.values()) - {""}),
        class_of=class_of,
        subset_of={
            path: (_whole_subset(names[0]) or names[0]) if depth and len(names) > 1 else UNASSIGNED
            for path, names in parts.items()
        },
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
