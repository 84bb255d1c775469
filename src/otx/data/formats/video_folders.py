"""Videos in class folders, `[train|val|test/]class/video.mp4`, or clips as folders, `.../class/clip/frame_0001.jpg`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from otx.data.formats.class_folders import ClassFolders, class_folders
from otx.data.formats.reading import Part, Reading
from otx.data.problems import Problems
from otx.data.tree import DataTree, stem

NAME = "video_folders"
LOOKED_FOR = "one folder per class, of videos or of folders with numbered frames, in the data root or in train, val"

FEWEST_FRAMES = 4


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    clips = _clips(tree)
    if not tree.videos and not clips:
        return "found no videos, and no folders of numbered frames only"
    # Pictures beside videos are thumbnails, videos beside frames what the frames were taken from.
    paths, images = (tree.videos, tree.videos) if tree.videos else (clips, tree.images)
    folders = class_folders(paths, "video" if tree.videos else "clip")
    if isinstance(folders, str):
        return folders
    return Reading(
        format=NAME,
        reason=folders.reason,
        images=frozenset(images),
        explicit=False,
        read=lambda problems: _read(tree, folders, problems),
    )


def _read(tree: DataTree, folders: ClassFolders, problems: Problems) -> list[Part]:
    from datumaro.components.media import Video

    def media(path: str) -> Video:
        if path in tree.files:
            return Video(str(tree.files[path]))
        return Video(str(tree.files[tree.image_folders[path][0]].parent))

    return folders.parts("video", problems, media)


def _clips(tree: DataTree) -> list[str]:
    """The folders with images, if each of them holds the frames of one clip."""
    whole = all(_numbered([stem(path) for path in frames]) for frames in tree.image_folders.values())
    return list(tree.image_folders) if whole else []


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
