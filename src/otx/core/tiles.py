"""Windows into an image that is too large to be looked at in one piece. Imports no torch."""

from __future__ import annotations

from typing import NamedTuple


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


def _starts(length: int, side: int, overlap: int) -> list[int]:
    if length <= side:
        return [0]
    gaps = -(-(length - side) // max(1, side - overlap))
    return [round(index * (length - side) / gaps) for index in range(gaps + 1)]
