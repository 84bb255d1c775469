"""Samples to transform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity
from otx.core.image_info import ImageInfo


@dataclass
class ObjectSample(OTXDataEntity):
    """As a task with boxes and masks would have it; `mark` and `names` say which object it is."""

    per_object: ClassVar[tuple[str, ...]] = ("bboxes", "masks", "mark", "names")

    bboxes: tv_tensors.BoundingBoxes
    masks: tv_tensors.Mask
    mark: Tensor
    names: list[str]


MakeSample = Callable[..., ObjectSample]


@pytest.fixture
def make_sample() -> MakeSample:
    """Dark images with bright rectangles, which the boxes and masks describe, at known places."""

    def make(height: int = 60, width: int = 100, boxes: list[list[int]] | None = None, seed: int = 0) -> ObjectSample:
        corners = [[10, 10, 40, 30], [60, 35, 90, 55]] if boxes is None else boxes
        image = np.full((height, width, 3), 20, np.uint8)
        masks = torch.zeros((len(corners), height, width), dtype=torch.uint8)
        for index, (left, top, right, bottom) in enumerate(corners):
            image[top:bottom, left:right] = 200 - 20 * index - seed
            masks[index, top:bottom, left:right] = 1
        return ObjectSample(
            image=tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1)),
            img_info=ImageInfo(height=height, width=width, path="made.png"),
            bboxes=tv_tensors.BoundingBoxes(
                torch.tensor(corners, dtype=torch.float32).reshape(-1, 4), format="XYXY", canvas_size=(height, width)
            ),
            masks=tv_tensors.Mask(masks),
            mark=torch.arange(len(corners)) + 10 * seed,
            names=[str(index + 10 * seed) for index in range(len(corners))],
        )

    return make


@pytest.fixture
def assert_consistent() -> Callable[[ObjectSample], None]:
    """Boxes, masks and pixels of a transformed sample still tell of the same rectangles."""

    def check(sample: ObjectSample, tolerance: float = 2.0) -> None:
        size = tuple(sample.image.shape[-2:])
        assert sample.bboxes.canvas_size == size
        assert tuple(sample.masks.shape[-2:]) == size
        assert len(sample.bboxes) == len(sample.masks) == len(sample.mark)
        assert sample.names == [str(mark) for mark in sample.mark.tolist()]
        for box, mask in zip(sample.bboxes.tolist(), sample.masks, strict=True):
            rows, columns = torch.nonzero(mask, as_tuple=True)
            spanned = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert max(abs(a - float(b)) for a, b in zip(box, spanned, strict=True)) <= tolerance
            bright = sample.image[0][mask.bool()].float().median()
            assert bright > 120

    return check


@dataclass
class ClassSample(OTXDataEntity):
    """As a task without objects would have it."""

    label: Tensor


@pytest.fixture
def class_sample() -> ClassSample:
    """A picture of noise with a label."""
    pixels = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return ClassSample(
        image=tv_tensors.Image(pixels.permute(2, 0, 1)), img_info=ImageInfo(height=40, width=50), label=torch.tensor(3)
    )
