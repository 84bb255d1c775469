"""What a sample of instance segmentation has: a box, a label and a mask per object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity
from otx.core.image_info import ImageInfo
from otx.core.masks import Rle, from_pixels, to_json
from otx.core.objects import ObjectsBatchDataEntity, ObjectsBatchPredEntity


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
            self.refuse(f"boxes (N, 4), labels (N,), masks (N, H, W) and N run lengths, got {counts} of them")


@dataclass
class InstanceSegBatchDataEntity(ObjectsBatchDataEntity[InstanceSegDataEntity]):
    """A batch of images with their objects.

    Attributes:
        masks: Per image (N, H, W) uint8 0 and 1, in pixels of `images`.
        rles: Per image N masks in pixels of the original image.
    """

    masks: list[tv_tensors.Mask]
    rles: list[list[Rle]]

    def true_details(self, index: int) -> dict[str, Sequence[Any]]:
        """The masks."""
        masks = self.masks[index].as_subclass(Tensor).cpu().numpy()
        return {"mask": [to_json(_to_original(mask, self.imgs_info[index])) for mask in masks]}


@dataclass
class InstanceSegBatchPredEntity(InstanceSegBatchDataEntity, ObjectsBatchPredEntity[InstanceSegDataEntity]):
    """Objects found in a batch, in pixels of the *original* images, best score first.

    Attributes:
        masks: Per image (N, h, w) confidences in [0, 1] as the network gives them, spread over each object's box.
        rles: The same in pixels of the original image.
    """

    def found_details(self, index: int, shown: Tensor) -> dict[str, Sequence[Any]]:
        """The masks."""
        return {"mask": [to_json(self.rles[index][place]) for place in shown.tolist()]}


def _to_original(mask_HW: Any, info: ImageInfo) -> Rle:  # noqa: ANN401 - an array
    """A mask of the model's input in pixels of the original image."""
    (across, down), (left, top) = info.scale, info.offset
    to_cell = np.array([[across, 0, across / 2 + left - 0.5], [0, down, down / 2 + top - 0.5]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return from_pixels(cv2.warpAffine(mask_HW, to_cell, (info.width, info.height), flags=flags))
