"""Outlines that annotation tools write in forms of their own, as Datumaro's polygons and run lengths."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from datumaro.components.annotation import Polygon, RleMask

from otx.core.masks import from_pixels, moved

_CORNERS = 48
"""Of a polygon that stands for an ellipse: it covers 99.7 % of it."""


def ellipse(centre: tuple[float, float], radii: tuple[float, float], angle: float = 0.0) -> Polygon:
    """A polygon for an ellipse.

    Args:
        centre: x and y in pixels.
        radii: Along x and y, before it is turned.
        angle: In degrees, clockwise as one sees it.
    """
    turns = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    across, down = radii[0] * np.cos(turns), radii[1] * np.sin(turns)
    x, y = centre[0] + across * cosine - down * sine, centre[1] + across * sine + down * cosine
    return Polygon(np.stack([x, y], axis=1).ravel().tolist())


def mask_of_window(window_hw: npt.NDArray[np.bool_], left: int, top: int, size: tuple[int, int]) -> RleMask:
    """The mask of an image that is empty outside a window.

    Args:
        window_hw: Which pixels of the window belong to the object.
        left: Where the window begins.
        top: The like.
        size: Height and width of the image.

    Raises:
        ValueError: The window is empty or does not lie in the image.
    """
    check_window((window_hw.shape[0], window_hw.shape[1]), left, top, size)
    return RleMask(rle=moved(from_pixels(window_hw), left, top, size))


def check_window(window: tuple[int, int], left: int, top: int, size: tuple[int, int]) -> None:
    """Refuse a window (height and width) that is not one of an image, before memory is taken for it.

    Raises:
        ValueError: See above.
    """
    height, width = window
    if not (0 <= left < left + width <= size[1] and 0 <= top < top + height <= size[0]):
        raise ValueError(f"expected a mask within {size[1]}x{size[0]}, found {width}x{height} at ({left}, {top})")
