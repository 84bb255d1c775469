"""From pixels of the model's input back to pixels of the original image, and the other way round."""

from __future__ import annotations

from torch import Tensor

from otx.core.image_info import ImageInfo


def to_original(coordinates: Tensor, info: ImageInfo) -> Tensor:
    """Map x, y, x, y, ... of the model's input to the original image, clipped to its borders.

    Args:
        coordinates: (..., 2 K) alternating x and y in pixels of the model's input: boxes, points, polygons.
        info: How the image was resized.

    Returns:
        Floats of the same shape.
    """
    pairs = _pairs(coordinates)
    pairs = (pairs - pairs.new_tensor(info.offset)) / pairs.new_tensor(info.scale)
    limit = pairs.new_tensor([info.width, info.height])
    return pairs.clamp_min(0).minimum(limit).reshape(coordinates.shape)


def to_input(coordinates: Tensor, info: ImageInfo) -> Tensor:
    """Inverse of `to_original`, without clipping."""
    pairs = _pairs(coordinates)
    return (pairs * pairs.new_tensor(info.scale) + pairs.new_tensor(info.offset)).reshape(coordinates.shape)


def _pairs(coordinates: Tensor) -> Tensor:
    # The number of pairs is spelt out because -1 is ambiguous where there are no rows.
    return coordinates.float().reshape(*coordinates.shape[:-1], coordinates.shape[-1] // 2, 2)
