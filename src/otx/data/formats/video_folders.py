"""Videos in class folders, `[train|val|test/]class/video.mp4`, or clips as folders, `.../class/clip/frame_0001.jpg`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from datumaro.components.media import Video

from otx.data.formats.class_folders import class_folders
from otx.data.formats.reading import Reading
from otx.data.images import BrokenImageError, image_size
from otx.data.tree import DataTree, stem

LOOKED_FOR = "one folder per class, of videos or of folders with numbered frames, in the data root or in train, val"

FEWEST_FRAMES = 4
PROBED = 20
"""Folders whose images are looked into: the frames of a clip are all of one size."""


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    clips = _clips(tree)
    if not tree.videos and not clips:
        return "found no videos, and no folders of numbered frames of one size only"

    def media(path: str) -> Video:
        return Video(str(tree.files[path] if path in tree.files else tree.files[tree.image_folders[path][0]].parent))

    # Pictures beside videos are thumbnails, videos beside frames what the frames were taken from.
    if tree.videos:
        return class_folders(tree.videos, "video", tree.videos, media)
    return class_folders(clips, "clip", tree.images, media)


def _clips(tree: DataTree) -> list[str]:
    """The folders with images, if each of them holds the frames of one clip."""
    folders = list(tree.image_folders.values())
    numbered = all(_numbered([stem(path) for path in frames]) for frames in folders)
    whole = numbered and all(_one_size(tree, frames) for frames in folders[:PROBED])
    return list(tree.image_folders) if whole else []


def _one_size(tree: DataTree, frames: Sequence[str]) -> bool:
    """Whether the first images of a folder have the same size, as photographs of a class seldom have."""
    sizes = set()
    for path in frames[:FEWEST_FRAMES]:
        with suppress(BrokenImageError):
            sizes.add(image_size(tree.files[path]))
    return len(sizes) <= 1


def _numbered(names: Sequence[str]) -> bool:
    """Whether names differ only in a number at their end, and no number is left out."""
    found = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    parts = [match.groups() for match in found if match]
    numbers = {int(number) for _, number in parts}
    return (
        len(names) >= FEWEST_FRAMES
        and len(parts) == len(names) == len(numbers)
        and len({prefix for prefix, _ in parts}) == 1
        and max(numbers) - min(numbers) == len(numbers) - 1
    )
