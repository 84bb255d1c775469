"""DOTA: one text file per image with lines `x1 y1 x2 y2 x3 y3 x4 y4 class difficult`.

Datumaro's own reader of this format passes over lines and files that it does not like without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import cv2
import numpy as np
from datumaro.components.annotation import RotatedBbox

from otx.data.formats.reading import Part, Reading, by_subset, image_item
from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.subset_names import UNASSIGNED, subset_of_folder
from otx.data.tree import DataTree, folder_of, grouped, shared_start, stem

LOOKED_FOR = "a .txt of the same name per image (in a folder labelTxt) with lines 'x1 y1 ... x4 y4 class difficult'"

_NUMBER = r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?"
# A class is no decimal number: that would be a coordinate of YOLO's, after a class and seven more.
_LINE = re.compile(
    rf"\s*((?:{_NUMBER}\s+){{8}})(?!-?\d*(?:\.|e-)[\de.-]*(?:\s|$))(\S+)(?:\s+([0-9]+))?\s*", re.IGNORECASE
)
_HEADER = re.compile(r"\s*(imagesource|gsd)\s*:.*", re.IGNORECASE)


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    label_of = _label_files(tree)
    if not label_of:
        return "found no .txt that has the name of an image"
    lines = [(text, match) for path in label_of.values() for _, text, match in _lines(tree, path)]
    others = [text for text, match in lines if not match]
    if 2 * len(others) > len(lines) or not lines:
        why = f"a line reads {others[0][:60]!r}" if lines else "all are empty"
        return f"found {len(label_of)} .txt with the names of images, but {why}"
    images = [image for folder in {*map(folder_of, label_of)} for image in tree.image_folders[folder]]
    return Reading(
        reason=f"{len(label_of)} of {len(images)} images have a .txt of four corners per object",
        images=frozenset(images),
        read=lambda problems: _read(tree, images, label_of, problems),
    )


def _label_files(tree: DataTree) -> dict[str, str]:
    """Image -> the text file of its name that lies nearest, in a folder `labelTxt...` if there is one.

    A text is that of the nearest images only: copies of them elsewhere belong to another form of the data.
    """
    texts = grouped(tree.with_suffix(".txt"), stem)
    found = {}
    nearest: dict[str, int] = {}
    for image in tree.images:
        candidates = texts.get(stem(image), ())
        if candidates:
            text = max(candidates, key=lambda path: (_shared(image, path), "/labeltxt" in f"/{path}".lower()))
            found[image] = text
            nearest[text] = max(nearest.get(text, 0), _shared(image, text))
    return {image: text for image, text in found.items() if _shared(image, text) == nearest[text]}


def _shared(image: str, text: str) -> int:
    """Number of folders, from the root on, that two paths have in common."""
    return shared_start(image.split("/")[:-1], text.split("/")[:-1])


def _lines(tree: DataTree, path: str) -> Iterator[tuple[str, str, re.Match[str] | None]]:
    for where, line in tree.lines(path):
        if not _HEADER.fullmatch(line):
            yield where, line, _LINE.fullmatch(line)


def _read(tree: DataTree, images: Iterable[str], label_of: Mapping[str, str], problems: Problems) -> list[Part]:
    objects: dict[str, list[tuple[list[float], str]]] = {}
    for image, path in label_of.items():
        for where, line, match in _lines(tree, path):
            if match is None:
                problems.add(BAD_ANNOTATION, where, line[:80], bad=True)
                continue
            if match.group(3) not in (None, "0"):
                problems.add("difficult object read as any other", where)
            objects.setdefault(image, []).append((list(map(float, match.group(1).split())), match.group(2)))
    labels = sorted({label for found in objects.values() for _, label in found})
    items = [
        image_item(tree, image, [_box(corners, labels.index(label)) for corners, label in objects.get(image, ())])
        for image in images
    ]
    subset_of = {image: subset_of_folder(folder_of(image)) or UNASSIGNED for image in images}
    return by_subset(items, subset_of, labels)


def _box(corners: list[float], label: int) -> RotatedBbox:
    """The rectangle of least area around four corners, which need not be those of a rectangle."""
    centre, size, angle = cv2.minAreaRect(np.array(corners, np.float32).reshape(4, 2))
    return RotatedBbox(*centre, *size, angle, label=label)
