"""Where an image comes from and how its pixels reached the model. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """Facts of one image that a batch carries along.

    The transforms keep the map from the original image to the model's input:
    `x_input = x_original * scale[0] + offset[0]`, likewise y with `[1]`.

    Attributes:
        index: Position in the data set (-1 outside one).
        path: File, or the name of a video and its frame; for messages and result files.
        height: Height of the original image in pixels.
        width: Width of the original image in pixels.
        scale: Horizontal and vertical factor.
        offset: Left and top offset in pixels of the input (padding is positive, cropping negative).
        region: Left, top, right and bottom of what the input shows, in pixels of the original image; None: all of it.
    """

    index: int = -1
    path: str = ""
    height: int
    width: int
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    region: tuple[int, int, int, int] | None = None
