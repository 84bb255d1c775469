"""What CVAT's elements for tags and shapes stand for; the classes of the annotations are for others to set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from datumaro.components.annotation import Annotation, Bbox, Label, Points, Polygon, RotatedBbox

from otx.data.formats.outlines import check_window, ellipse, mask_of_window

Element = Any
"""Of XML; defusedxml has no type for it."""
Size = tuple[int, int]
"""Height and width of an image as the file has them, 0 if it does not."""


def _pairs(shape: Element) -> list[float]:
    return [float(number) for pair in shape.get("points").split(";") for number in pair.split(",")]


def _numbers(shape: Element, *names: str) -> list[float]:
    return [float(shape.get(name)) for name in names]


def _box(shape: Element, _size: Size, _keypoints: list[str]) -> Annotation:
    x1, y1, x2, y2 = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
    width, height = abs(x2 - x1), abs(y2 - y1)
    if angle := float(shape.get("rotation", 0)):
        return RotatedBbox((x1 + x2) / 2, (y1 + y2) / 2, width, height, angle)
    return Bbox(min(x1, x2), min(y1, y2), width, height)


def _polygon(shape: Element, _size: Size, _keypoints: list[str]) -> Annotation:
    points = _pairs(shape)
    if len(points) < 6 or len(points) % 2:
        raise ValueError(f"expected 3 points or more, found {shape.get('points')!r}")
    return Polygon(points)


def _ellipse(shape: Element, _size: Size, _keypoints: list[str]) -> Annotation:
    x, y, across, down = _numbers(shape, "cx", "cy", "rx", "ry")
    return ellipse((x, y), (across, down), float(shape.get("rotation", 0)))


def _mask(shape: Element, size: Size, _keypoints: list[str]) -> Annotation:
    """Run lengths go along the rows of a window, first of pixels that are not of the object."""
    left, top, width, height = map(int, _numbers(shape, "left", "top", "width", "height"))
    check_window((height, width), left, top, size)
    runs = [int(run) for run in shape.get("rle").split(",")]
    if sum(runs) != width * height or min(runs) < 0:
        raise ValueError(f"expected run lengths of {width * height} pixels, found {sum(runs)}")
    window = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return mask_of_window(window, left, top, size)


def _skeleton(shape: Element, _size: Size, keypoints: list[str]) -> Annotation:
    """The keypoints that the class declares; one that is missing or outside of the image is not labelled."""
    given = {point.get("label"): point for point in shape.iterfind("points") if point.get("outside") != "1"}
    places = [_pairs(given[name]) if name in given else [0.0, 0.0] for name in keypoints]
    visible = [(1 if given[name].get("occluded") == "1" else 2) if name in given else 0 for name in keypoints]
    return Points([number for place in places for number in place], visible)


READERS: Mapping[str, Callable[[Element, Size, list[str]], Annotation]] = {
    "tag": lambda *_: Label(0),
    "box": _box,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "mask": _mask,
    "skeleton": _skeleton,
}
"""By the name of an element; they take it, the size of its image and the names of the keypoints of its class."""
