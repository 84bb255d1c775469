"""What all steps need of a sample: which of its fields move with the pixels, and which belong to single objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Protocol

from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from otx.core.entity import OTXDataEntity, SampleT
from otx.core.errors import UserError

Draw = Callable[[int], list[Any]]
"""Gives so many other samples of the same data set, drawn at random, as their reader made them."""


class Step(Protocol):
    """One step of a pipeline: a sample in, a sample of the same type out."""

    def __call__(self, sample: SampleT, draw: Draw) -> SampleT:
        """Apply the step, with randomness from torch's global generator."""


def no_draw(count: int) -> list[Any]:
    """The `draw` of a sample that stands alone.

    Raises:
        UserError: Always.
    """
    raise UserError(f"this step needs {count} other images of the data set, but the image is transformed alone")


def pixel_fields(sample: OTXDataEntity) -> dict[str, tv_tensors.TVTensor]:
    """Image, boxes, masks and points: every field that a change of geometry concerns."""
    found = {field.name: getattr(sample, field.name) for field in fields(sample)}
    return {name: value for name, value in found.items() if isinstance(value, tv_tensors.TVTensor)}


def boxes_of(sample: OTXDataEntity) -> tv_tensors.BoundingBoxes | None:
    """The boxes of a sample whose objects have some."""
    boxes = (value for value in pixel_fields(sample).values() if isinstance(value, tv_tensors.BoundingBoxes))
    return next(boxes, None)


def object_fields(sample: OTXDataEntity) -> dict[str, Any]:
    """The fields with one row per object, tensors or lists."""
    return {name: getattr(sample, name) for name in sample.per_object}


def keep_objects(sample: SampleT, keep: Tensor) -> SampleT:
    """The sample with some of its objects only.

    Args:
        sample: Has boxes.
        keep: (N,) bool, one per box.
    """
    if bool(keep.all()):
        return sample
    changes = {name: _kept(value, keep) for name, value in object_fields(sample).items()}
    return replace(sample, **changes)


def _kept(value: Any, keep: Tensor) -> Any:  # noqa: ANN401 - a tensor or a list
    if isinstance(value, list):
        return [row for row, kept in zip(value, keep.tolist(), strict=True) if kept]
    return like(value, plain(value)[keep])


def drop_vanished(sample: SampleT) -> SampleT:
    """Remove objects of which less than a pixel is left in the image, with their labels and masks."""
    boxes = boxes_of(sample)
    if boxes is None or not len(boxes):
        return sample
    _, valid = F.sanitize_bounding_boxes(boxes, min_size=1.0, min_area=1.0)
    return keep_objects(sample, valid)


def plain(value: Tensor) -> Tensor:
    """The same memory without the subclass, whose dispatch costs more than most small operations."""
    return value.as_subclass(Tensor)


def like(value: Tensor, changed: Tensor) -> Tensor:
    """Give a changed plain tensor the type and the frame of the one it was made from."""
    wrapped: Tensor = tv_tensors.wrap(changed, like=value) if isinstance(value, tv_tensors.TVTensor) else changed
    return wrapped
