"""What a sample of rotated detection has: a label and four corners per object, and the upright box around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.masks import from_polygons, to_pixels
from otx.core.records import image_record, object_entries, rounded
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
            msg = (
                f"expected boxes (N, 4), corners (N, 4, 2) and labels (N,), got {tuple(self.bboxes.shape)}, "
                f"{tuple(self.corners.shape)} and {tuple(self.labels.shape)} for "
                f"{self.img_info.path or 'an image without a path'}"
            )
            raise ValueError(msg)


@dataclass
class RotatedDetBatchDataEntity(OTXBatchDataEntity[RotatedDetDataEntity]):
    """A batch of images with their rotated boxes.

    Attributes:
        bboxes: Per image (N, 4) XYXY in pixels of `images`.
        corners: Per image (N, 4, 2) in pixels of `images`.
        labels: Per image (N,) int64 class indices.
    """

    bboxes: list[tv_tensors.BoundingBoxes]
    corners: list[tv_tensors.KeyPoints]
    labels: list[Tensor]

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

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The boxes of each image in the form of `predictions.json`, in pixels of the original image."""
        records = []
        for info, boxes, corners, ids in zip(self.imgs_info, self.bboxes, self.corners, self.labels, strict=True):
            upright = to_original(boxes.as_subclass(Tensor), info)
            quads = to_original(corners.as_subclass(Tensor).flatten(1), info, clip=False)
            records.append(image_record(info, objects=object_entries(labels, ids, upright, polygon=rounded(quads))))
        return records


@dataclass
class RotatedDetBatchPredEntity(RotatedDetBatchDataEntity, OTXBatchPredEntity[RotatedDetDataEntity]):
    """Rotated boxes found in a batch, in pixels of the *original* images, best score first.

    Attributes:
        scores: Per image (N,) confidences in [0, 1].
    """

    scores: list[Tensor]

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The boxes of each image with at least that score, in the form of `predictions.json`."""
        records = []
        for index, info in enumerate(self.imgs_info):
            best = slice(int((self.scores[index] >= threshold).sum()))  # the best come first
            upright, quads = (field[index].as_subclass(Tensor)[best] for field in (self.bboxes, self.corners))
            ids, scores = self.labels[index][best], self.scores[index][best]
            found = object_entries(labels, ids, upright, scores, polygon=rounded(quads.flatten(1)))
            records.append(image_record(info, objects=found))
        return records
