"""Windows into an image that is too large to be looked at in one piece. Imports no torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MIN_SHOWN = 0.4
"""Objects of which a smaller share lies in a tile are not to be found there: a neighbour shows more of them."""
MIN_SIDE = 1.0
"""Nor are those of which less than so many pixels do."""


class Window(NamedTuple):
    """A part of an image, in whole pixels.

    Attributes:
        top: First row.
        left: First column.
        height: Rows.
        width: Columns.
    """

    top: int
    left: int
    height: int
    width: int


def tile_windows(height: int, width: int, side: int, overlap: int) -> list[Window]:
    """Evenly spread windows that cover an image, row by row.

    Args:
        height: Of the image.
        width: Of the image.
        side: Of a window; where the image is shorter, the window is too.
        overlap: Neighbours share at least so many pixels.
    """
    return [
        Window(top, left, min(side, height), min(side, width))
        for top in _starts(height, side, overlap)
        for left in _starts(width, side, overlap)
    ]


def cut_boxes(
    boxes_N4: npt.NDArray[np.float32], window: Window
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Boxes in pixels of a window and clipped to it, and which of them show enough of an object.

    Args:
        boxes_N4: XYXY in pixels of the image.
        window: A part of it.
    """
    moved_N4 = boxes_N4 - np.array([window.left, window.top] * 2, np.float32)
    shown_N4 = moved_N4.clip(0, np.array([window.width, window.height] * 2, np.float32))
    sides_N2 = shown_N4[:, 2:] - shown_N4[:, :2]
    kept_N = sides_N2.prod(axis=1) >= MIN_SHOWN * (moved_N4[:, 2:] - moved_N4[:, :2]).prod(axis=1)
    return shown_N4, kept_N & (sides_N2 >= MIN_SIDE).all(axis=1)


def sides_of(boxes_N4: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(N,) square root of each box's area."""
    sides_N: npt.NDArray[np.float32] = np.sqrt((boxes_N4[:, 2:] - boxes_N4[:, :2]).prod(axis=1))
    return sides_N


def _starts(length: int, side: int, overlap: int) -> list[int]:
    if length <= side:
        return [0]
    gaps = -(-(length - side) // max(1, side - overlap))
    return [round(index * (length - side) / gaps) for index in range(gaps + 1)]
