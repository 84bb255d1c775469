"""From pixels of the model's input back to pixels of the original image, and the other way round."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from otx.core.image_info import ImageInfo


def to_original(coordinates: Tensor, info: ImageInfo, *, clip: bool = True) -> Tensor:
    """Map x, y, x, y, ... of the model's input to the original image.

    Args:
        coordinates: (..., 2 K) alternating x and y in pixels of the model's input: boxes, points, polygons.
        info: How the image was resized.
        clip: Move what lies outside of what the input shows of the original image onto its border.

    Returns:
        Floats of the same shape.
    """
    pairs = _pairs(coordinates)
    pairs = (pairs - pairs.new_tensor(info.offset)) / pairs.new_tensor(info.scale)
    if not clip:
        return pairs.reshape(coordinates.shape)
    left, top, right, bottom = info.region or (0, 0, info.width, info.height)
    inside = pairs.maximum(pairs.new_tensor([left, top])).minimum(pairs.new_tensor([right, bottom]))
    return inside.reshape(coordinates.shape)


def to_input(coordinates: Tensor, info: ImageInfo) -> Tensor:
    """Inverse of `to_original`, without clipping."""
    pairs = _pairs(coordinates)
    return (pairs * pairs.new_tensor(info.scale) + pairs.new_tensor(info.offset)).reshape(coordinates.shape)


def map_to_original(map_CHW: Tensor, info: ImageInfo, mode: Literal["bilinear", "nearest-exact"]) -> Tensor:
    """Bring what a model says of each pixel of its input to the pixels of the original image.

    Padding is cut off; what a centre crop has cut off repeats the pixels at its border.

    Args:
        map_CHW: Values per pixel of the model's input.
        info: How the image was resized.
        mode: How to interpolate.

    Returns:
        (C, height, width) of the original image.
    """
    rows, columns = map_CHW.shape[-2:]
    top, bottom, above, height = _visible(rows, info.height, info.scale[1], info.offset[1])
    left, right, before, width = _visible(columns, info.width, info.scale[0], info.offset[0])
    shown = map_CHW[:, top:bottom, left:right]
    if shown.shape[-2:] != (height, width):
        shown = F.interpolate(shown.unsqueeze(0), size=(height, width), mode=mode).squeeze(0)
    below, after = info.height - above - height, info.width - before - width
    cut = (before, after, above, below)
    return F.pad(shown, cut, mode="replicate") if any(cut) else shown


def _visible(length: int, original: int, scale: float, offset: float) -> tuple[int, int, int, int]:
    """Where in the input the image begins and ends along an axis; how much of the original is before, and there."""
    first, last = max(0.0, offset), min(float(length), offset + original * scale)
    before, behind = round((first - offset) / scale), round((last - offset) / scale)
    return round(first), max(round(last), round(first) + 1), before, max(1, behind - before)


def _pairs(coordinates: Tensor) -> Tensor:
    # The number of pairs is spelt out because -1 is ambiguous where there are no rows.
    return coordinates.float().reshape(*coordinates.shape[:-1], coordinates.shape[-1] // 2, 2)
