"""Brings images of any size to the model's: the eval transform, and all the resizing that a deployed model needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import Tensor

from otx.core.entity import SampleT
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.transforms.fields import Draw, drop_vanished, no_draw
from otx.transforms.geometry import Move, move_image, move_sample


@dataclass(frozen=True)
class FitToInput:
    """Resizes a sample as its model's `InputSpec` says, and notes in `ImageInfo` how to map coordinates back.

    Nothing in it is random. Boxes, masks and points follow the image; objects outside a centre crop are left out.

    Attributes:
        input_spec: Size and resize rule of the model.
        evaluation: Leave the fields that the metric measures in the original image (`measured_at_original`) there.
    """

    input_spec: InputSpec
    evaluation: bool = False

    def __call__(self, sample: SampleT, draw: Draw = no_draw) -> SampleT:
        """Fit a sample; its image must be the one that its `ImageInfo` tells of, for that to come out right."""
        height, width = sample.image.shape[-2:]
        moves = plan_fit(height, width, self.input_spec)
        kept = {name: getattr(sample, name) for name in sample.measured_at_original if self.evaluation}
        for move in moves:
            sample = move_sample(sample, move, self.input_spec.fill)
        sample = replace(sample, **kept)
        scale, offset = frame_change(height, width, moves)
        before = sample.img_info  # of the original image, or of what was cut out of it
        offset = (before.offset[0] * scale[0] + offset[0], before.offset[1] * scale[1] + offset[1])
        scale = (before.scale[0] * scale[0], before.scale[1] * scale[1])
        sample = replace(sample, img_info=replace(before, scale=scale, offset=offset))
        return drop_vanished(sample) if self.input_spec.resize is ResizeMode.CENTER_CROP else sample


def fit_image(image: Tensor, input_spec: InputSpec) -> tuple[Tensor, tuple[float, float], tuple[float, float]]:
    """Fit a bare image exactly as `FitToInput` fits the image of a sample.

    Args:
        image: (..., C, H, W) uint8.
        input_spec: Size and resize rule of the model.

    Returns:
        (..., C, height, width) uint8, and `scale` and `offset` as in `ImageInfo`.
    """
    height, width = image.shape[-2:]
    moves = plan_fit(height, width, input_spec)
    for move in moves:
        image = move_image(image, move, input_spec.fill)
    return image, *frame_change(height, width, moves)


def fit_alone(
    image: Tensor, path: str, input_spec: InputSpec, size: tuple[int, int] | None = None
) -> tuple[Tensor, ImageInfo]:
    """An image, or the clips of a video, as a batch without annotations, fitted.

    Args:
        image: (C, H, W) uint8, or (K, T, C, H, W).
        path: Where it comes from.
        input_spec: Size and resize rule of the model.
        size: Height and width of the original image, where this one was decoded smaller.

    Returns:
        (1, C, height, width) or (K, T, C, height, width) uint8, and what the batch says of it.
    """
    height, width = size or image.shape[-2:]
    fitted, scale, offset = fit_image(image, input_spec)
    scale = (scale[0] * image.shape[-1] / width, scale[1] * image.shape[-2] / height)
    info = ImageInfo(path=path, height=height, width=width, scale=scale, offset=offset)
    return (fitted if input_spec.frames > 1 else fitted.unsqueeze(0)), info


def plan_fit(height: int, width: int, spec: InputSpec) -> list[Move]:
    """The moves from an image of a size to the model's input: a resize onto the canvas, or a resize and a cut."""
    whole = (0, 0, height, width)
    if spec.resize is ResizeMode.STRETCH:
        return [Move(whole, spec.size, 0, 0, spec.size)]
    if spec.resize is ResizeMode.LETTERBOX:
        ratio = min(spec.height / height, spec.width / width)
        resized = (_side(height * ratio, spec.height), _side(width * ratio, spec.width))
        return [Move(whole, resized, 0, 0, spec.size)]
    # As timm and torchvision do: the side that just covers is rounded down, the other follows.
    ratio = max(math.floor(side / spec.crop_ratio) / old for side, old in ((spec.height, height), (spec.width, width)))
    resized = (max(spec.height, round(height * ratio)), max(spec.width, round(width * ratio)))
    window = ((resized[0] - spec.height) // 2, (resized[1] - spec.width) // 2, *spec.size)
    return [Move(whole, resized, 0, 0, resized), Move(window, spec.size, 0, 0, spec.size)]


def frame_change(height: int, width: int, moves: list[Move]) -> tuple[tuple[float, float], tuple[float, float]]:
    """`scale` and `offset` (x first) of moves of which the first takes the whole image."""
    first, last = moves[0], moves[-1]
    scale = (first.resized[1] / width, first.resized[0] / height)
    cut_top, cut_left = last.window[:2]
    return scale, (float(last.left - cut_left), float(last.top - cut_top))


def _side(length: float, limit: int) -> int:
    return min(limit, max(1, round(length)))
