"""What a semantic segmentation sample has: a class for each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import IGNORED, encode_rle
from otx.core.records import image_record


@dataclass
class SegDataEntity(OTXDataEntity):
    """One image with the class of each of its pixels.

    Attributes:
        mask: (H, W) uint8 class indices; `IGNORED` where the data do not say, or a step shows more than the image.
    """

    mask_fill: ClassVar[int] = IGNORED
    measured_at_original: ClassVar[tuple[str, ...]] = ("mask",)

    mask: tv_tensors.Mask

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != torch.uint8:
            self.refuse(f"a mask (H, W) of uint8, got {tuple(self.mask.shape)} of {self.mask.dtype}")


@dataclass
class SegBatchDataEntity(OTXBatchDataEntity[SegDataEntity]):
    """A batch of images with their masks.

    Attributes:
        masks: Per image (H, W) uint8 class indices, or `IGNORED`; of the size of `images` in training, of the
            *original* images in evaluation.
    """

    masks: list[tv_tensors.Mask]

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The region of each class in each image, in the form of `predictions.json`, the largest first."""
        return [_record(info, mask, labels) for info, mask in zip(self.imgs_info, self.masks, strict=True)]


@dataclass
class SegBatchPredEntity(SegBatchDataEntity, OTXBatchPredEntity[SegDataEntity]):
    """Predicted masks of a batch, of the size of the *original* images."""

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The region of each class in each image, the largest first; each pixel has a class, no threshold applies."""
        return self.truth_records(labels)


def _record(info: ImageInfo, mask: Tensor, labels: LabelInfo) -> dict[str, Any]:
    pixels = mask.as_subclass(Tensor).cpu().numpy()
    areas = np.bincount(pixels.ravel(), minlength=IGNORED + 1)[: len(labels)]
    present = [int(label) for label in np.argsort(-areas, kind="stable") if areas[label]]
    objects = [_region(labels.names[label], pixels == label, int(areas[label])) for label in present]
    return image_record(info, objects=objects)


def _region(name: str, inside: np.ndarray, area: int) -> dict[str, Any]:
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
    return {"label": name, "bbox": box, "area": area, "mask": encode_rle(inside)}
