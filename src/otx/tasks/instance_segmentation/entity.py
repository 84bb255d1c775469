"""What a sample of instance segmentation has: a box, a label and a mask per object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import Rle, from_pixels, to_json
from otx.core.records import image_record, object_entries


@dataclass
class InstanceSegDataEntity(OTXDataEntity):
    """One image with its objects; none is legal.

    Attributes:
        bboxes: (N, 4) XYXY in pixels of `image`.
        labels: (N,) int64 class indices.
        masks: (N, H, W) uint8 0 and 1, in pixels of `image`.
        rles: N masks as they were annotated, in pixels of the original image: what predictions are measured by. They
            do not follow the steps of augmentation.
    """

    per_object: ClassVar[tuple[str, ...]] = ("bboxes", "labels", "masks", "rles")

    bboxes: tv_tensors.BoundingBoxes
    labels: Tensor
    masks: tv_tensors.Mask
    rles: list[Rle]

    def __post_init__(self) -> None:
        counts = [len(self.bboxes), len(self.labels), len(self.masks), len(self.rles)]
        if self.masks.ndim != 3 or len(set(counts)) > 1:
            msg = (
                f"expected boxes (N, 4), labels (N,), masks (N, H, W) and N run lengths, got {counts} of them for "
                f"{self.img_info.path or 'an image without a path'}"
            )
            raise ValueError(msg)


@dataclass
class InstanceSegBatchDataEntity(OTXBatchDataEntity[InstanceSegDataEntity]):
    """A batch of images with their objects.

    Attributes:
        bboxes: Per image (N, 4) XYXY in pixels of `images`.
        labels: Per image (N,) int64 class indices.
        masks: Per image (N, H, W) uint8 0 and 1, in pixels of `images`.
        rles: Per image N masks in pixels of the original image.
    """

    bboxes: list[tv_tensors.BoundingBoxes]
    labels: list[Tensor]
    masks: list[tv_tensors.Mask]
    rles: list[list[Rle]]

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The objects of each image in the form of `predictions.json`, in pixels of the original image."""
        records = []
        for info, boxes, ids, masks in zip(self.imgs_info, self.bboxes, self.labels, self.masks, strict=True):
            outlines = [to_json(_to_original(mask, info)) for mask in masks.as_subclass(Tensor).cpu().numpy()]
            found = object_entries(labels, ids, to_original(boxes.as_subclass(Tensor), info), mask=outlines)
            records.append(image_record(info, objects=found))
        return records


@dataclass
class InstanceSegBatchPredEntity(InstanceSegBatchDataEntity, OTXBatchPredEntity[InstanceSegDataEntity]):
    """Objects found in a batch, in pixels of the *original* images, best score first.

    Attributes:
        masks: Per image (N, h, w) confidences in [0, 1] as the network gives them, spread over each object's box.
        rles: The same in pixels of the original image.
        scores: Per image (N,) confidences in [0, 1].
    """

    scores: list[Tensor]

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The objects of each image with at least that score, in the form of `predictions.json`."""
        records = []
        for index, info in enumerate(self.imgs_info):
            best = slice(int((self.scores[index] >= threshold).sum()))  # the best come first
            boxes, outlines = self.bboxes[index].as_subclass(Tensor)[best], map(to_json, self.rles[index][best])
            ids, scores = self.labels[index][best], self.scores[index][best]
            records.append(image_record(info, objects=object_entries(labels, ids, boxes, scores, mask=list(outlines))))
        return records


def _to_original(mask_HW: Any, info: ImageInfo) -> Rle:  # noqa: ANN401 - an array
    """A mask of the model's input in pixels of the original image."""
    (across, down), (left, top) = info.scale, info.offset
    to_cell = np.array([[across, 0, across / 2 + left - 0.5], [0, down, down / 2 + top - 0.5]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return from_pixels(cv2.warpAffine(mask_HW, to_cell, (info.width, info.height), flags=flags))
