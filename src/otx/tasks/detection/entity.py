"""What a detection sample has: upright boxes, and one label per box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity
from otx.core.objects import ObjectsBatchDataEntity, ObjectsBatchPredEntity


@dataclass
class DetDataEntity(OTXDataEntity):
    """One image with its boxes; none is legal.

    Attributes:
        bboxes: (N, 4) XYXY in pixels of `image`.
        labels: (N,) int64 class indices.
    """

    per_object: ClassVar[tuple[str, ...]] = ("bboxes", "labels")

    bboxes: tv_tensors.BoundingBoxes
    labels: Tensor

    def __post_init__(self) -> None:
        if self.bboxes.ndim != 2 or self.bboxes.shape[-1] != 4 or len(self.bboxes) != len(self.labels):
            self.refuse(f"boxes (N, 4) and labels (N,), got {tuple(self.bboxes.shape)} and {tuple(self.labels.shape)}")


@dataclass
class DetBatchDataEntity(ObjectsBatchDataEntity[DetDataEntity]):
    """A batch of images with their boxes."""


@dataclass
class DetBatchPredEntity(DetBatchDataEntity, ObjectsBatchPredEntity[DetDataEntity]):
    """Detections of a batch; boxes are in pixels of the *original* images, best score first."""
