"""What batches and predictions have in common where images hold objects, each with a box and a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, SampleT
from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.records import image_record, object_entries


@dataclass
class ObjectsBatchDataEntity(OTXBatchDataEntity[SampleT]):
    """A batch of images with their objects.

    Attributes:
        bboxes: Per image (N, 4) XYXY in pixels of `images`.
        labels: Per image (N,) int64 class indices.
    """

    bboxes: list[tv_tensors.BoundingBoxes]
    labels: list[Tensor]

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The objects of each image in the form of `predictions.json`, in pixels of the original image."""
        records = []
        for index, info in enumerate(self.imgs_info):
            boxes = to_original(self.bboxes[index].as_subclass(Tensor), info)
            found = object_entries(labels, self.labels[index], boxes, None, **self.true_details(index))
            records.append(image_record(info, objects=found))
        return records

    def true_details(self, index: int) -> dict[str, Sequence[Any]]:
        """What there is to say of each object of an image beyond label and box, by its name in the record."""
        return {}


@dataclass
class ObjectsBatchPredEntity(ObjectsBatchDataEntity[SampleT], OTXBatchPredEntity[SampleT]):
    """Objects found in a batch, in pixels of the *original* images, best score first.

    Attributes:
        scores: Per image (N,) confidences in [0, 1].
    """

    scores: list[Tensor]

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The objects of each image with at least that score, in the form of `predictions.json`."""
        records = []
        for index, info in enumerate(self.imgs_info):
            shown = self.shown(index, threshold).nonzero().flatten()
            boxes, ids = self.bboxes[index].as_subclass(Tensor)[shown], self.labels[index][shown]
            details = self.found_details(index, shown)
            found = object_entries(labels, ids, boxes, self.scores[index][shown], **details)
            records.append(image_record(info, objects=found))
        return records

    def shown(self, index: int, threshold: float) -> Tensor:
        """(N,) bool: the objects of an image that `records` has."""
        return self.scores[index] >= threshold

    def found_details(self, index: int, shown: Tensor) -> dict[str, Sequence[Any]]:
        """As `true_details`, of the found objects with these indices."""
        return {}
