"""Cuts, resizes and places samples: what fitting, zooming and mosaics have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from otx.core.entity import OTXDataEntity
from otx.transforms.fields import pixel_fields, plain

SampleT = TypeVar("SampleT", bound=OTXDataEntity)


class Move(NamedTuple):
    """Cut a window out of an image, resize it and place it on a canvas, all in whole pixels.

    Attributes:
        window: Top, left, height and width in the image.
        resized: Height and width of the window after resizing.
        top: Row of the canvas where it goes.
        left: Column of the canvas where it goes.
        canvas: Height and width of the result.
    """

    window: tuple[int, int, int, int]
    resized: tuple[int, int]
    top: int
    left: int
    canvas: tuple[int, int]


def move_sample(sample: SampleT, move: Move, fill: float) -> SampleT:
    """Apply a move to the image and to everything that lies in its pixels; boxes are clipped to the window."""
    changes: dict[str, Any] = {
        name: tv_tensors.wrap(move_image(value, move, fill), like=value)
        if isinstance(value, tv_tensors.Image | tv_tensors.Video)
        else _move_annotation(value, move, sample.mask_fill)
        for name, value in pixel_fields(sample).items()
    }
    (height, width), top, left = move.resized, move.top, move.left
    return replace(sample, **changes).settle((left, top, left + width, top + height))


def with_smaller_image(sample: SampleT, image: tv_tensors.Image | tv_tensors.Video) -> SampleT:
    """The sample with its image as it was decoded smaller; everything that lies in its pixels follows."""
    height, width = image.shape[-2:]
    before = sample.image.shape[-2:]
    move = Move((0, 0, before[0], before[1]), (height, width), 0, 0, (height, width))
    changes: dict[str, Any] = {
        name: _move_annotation(value, move, sample.mask_fill)
        for name, value in pixel_fields(sample).items()
        if name != "image"
    }
    info = replace(sample.img_info, scale=(width / before[1], height / before[0]))
    return replace(sample, image=image, img_info=info, **changes).settle((0, 0, width, height))


def move_image(image_CHW: Tensor, move: Move, fill: float) -> Tensor:
    """Apply a move to pixels, (..., C, H, W) for clips; what the image does not cover gets the value `fill`."""
    top, left, height, width = move.window
    pixels = plain(image_CHW)[..., top : top + height, left : left + width]
    pixels = resize_image(pixels, move.resized)
    return place_image(pixels, move, fill)


def resize_image(pixels_CHW: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with antialiasing, the same type in and out, on pixels whose channels lie together in memory.

    That layout takes half the time of the planar one, and the result is the same.
    """
    if pixels_CHW.shape[-2:] == size:
        return pixels_CHW
    interleaved = pixels_CHW.movedim(-3, -1).contiguous().movedim(-1, -3)
    resized: Tensor = F.resize_image(interleaved, list(size), antialias=True)
    return resized


def place_image(pixels_CHW: Tensor, move: Move, fill: float) -> Tensor:
    """Put pixels on an empty canvas; they are returned as they are if they cover it."""
    *frames, channels, height, width = pixels_CHW.shape
    if (height, width) == move.canvas:
        return pixels_CHW
    canvas_HWC = torch.full((*frames, *move.canvas, channels), fill, dtype=pixels_CHW.dtype)
    rows, columns = slice(move.top, move.top + height), slice(move.left, move.left + width)
    canvas_HWC[..., rows, columns, :] = pixels_CHW.movedim(-3, -1)
    return canvas_HWC.movedim(-1, -3)


def _move_annotation(value: tv_tensors.TVTensor, move: Move, mask_fill: int) -> Tensor:
    moved: Tensor = value
    if move.window != (0, 0, *F.get_size(value)):
        moved = F.crop(moved, *move.window)
    if move.window[2:] != move.resized:
        # Masks: the pixel in the middle, where the image's own resize looks; plain `nearest` takes one above and left.
        moved = F.resize(moved, list(move.resized), interpolation=InterpolationMode.NEAREST_EXACT)
    if move.resized != move.canvas:
        height, width = move.resized
        below, right = move.canvas[0] - move.top - height, move.canvas[1] - move.left - width
        moved = F.pad(moved, [move.left, move.top, right, below], fill=mask_fill)
    return moved
