"""What a sample of rotated detection has: a label and four corners per object, and the upright box around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity
from otx.core.frames import to_original
from otx.core.masks import from_polygons, to_pixels
from otx.core.objects import ObjectsBatchDataEntity, ObjectsBatchPredEntity
from otx.core.records import rounded
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity


@dataclass
class RotatedDetDataEntity(OTXDataEntity):
    """One image with its rotated boxes; none is legal.

    Attributes:
        bboxes: (N, 4) XYXY around the corners, cut to the image, in pixels of `image`.
        corners: (N, 4, 2) x and y of the corners in order around the box; they may lie outside the image.
        labels: (N,) int64 class indices.
    """

    per_object: ClassVar[tuple[str, ...]] = ("bboxes", "corners", "labels")

    bboxes: tv_tensors.BoundingBoxes
    corners: tv_tensors.KeyPoints
    labels: Tensor

    def __post_init__(self) -> None:
        if self.corners.shape[1:] != (4, 2) or not len(self.corners) == len(self.bboxes) == len(self.labels):
            self.refuse(
                f"boxes (N, 4), corners (N, 4, 2) and labels (N,), got {tuple(self.bboxes.shape)}, "
                f"{tuple(self.corners.shape)} and {tuple(self.labels.shape)}"
            )


@dataclass
class RotatedDetBatchDataEntity(ObjectsBatchDataEntity[RotatedDetDataEntity]):
    """A batch of images with their rotated boxes.

    Attributes:
        corners: Per image (N, 4, 2) in pixels of `images`.
    """

    corners: list[tv_tensors.KeyPoints]

    def with_masks(self) -> InstanceSegBatchDataEntity:
        """The batch as instance segmentation learns from it: each box drawn as a mask."""
        size = (int(self.images.shape[-2]), int(self.images.shape[-1]))
        masks = []
        for corners in self.corners:
            rles = [from_polygons([box], size) for box in corners.as_subclass(Tensor).flatten(1).tolist()]
            masks.append(tv_tensors.Mask(torch.from_numpy(to_pixels(rles, size)).to(self.images.device)))
        nothing: list[Any] = [[] for _ in masks]
        return InstanceSegBatchDataEntity(
            images=self.images,
            imgs_info=self.imgs_info,
            bboxes=self.bboxes,
            labels=self.labels,
            masks=masks,
            rles=nothing,  # only its own metric would ask for them
        )

    def true_details(self, index: int) -> dict[str, Sequence[Any]]:
        """The corners of the boxes, in order."""
        corners = self.corners[index].as_subclass(Tensor).flatten(1)
        return {"polygon": rounded(to_original(corners, self.imgs_info[index], clip=False))}


@dataclass
class RotatedDetBatchPredEntity(RotatedDetBatchDataEntity, ObjectsBatchPredEntity[RotatedDetDataEntity]):
    """Rotated boxes found in a batch, in pixels of the *original* images, best score first."""

    def found_details(self, index: int, shown: Tensor) -> dict[str, Sequence[Any]]:
        """The corners of the boxes, in order."""
        return {"polygon": rounded(self.corners[index].as_subclass(Tensor)[shown].flatten(1))}
