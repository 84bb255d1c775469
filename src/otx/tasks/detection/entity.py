"""What a detection sample has: upright boxes, and one label per box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.records import image_record, object_entries


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
            msg = (
                f"expected boxes (N, 4) and labels (N,), got {tuple(self.bboxes.shape)} and "
                f"{tuple(self.labels.shape)} for {self.img_info.path or 'an image without a path'}"
            )
            raise ValueError(msg)


@dataclass
class DetBatchDataEntity(OTXBatchDataEntity[DetDataEntity]):
    """A batch of images with their boxes.

    Attributes:
        bboxes: Per image (N, 4) XYXY in pixels of `images`.
        labels: Per image (N,) int64 class indices.
    """

    bboxes: list[tv_tensors.BoundingBoxes]
    labels: list[Tensor]

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The boxes of each image in the form of `predictions.json`, in pixels of the original image."""
        return [
            image_record(info, objects=object_entries(labels, ids, to_original(boxes.as_subclass(Tensor), info)))
            for info, boxes, ids in zip(self.imgs_info, self.bboxes, self.labels, strict=True)
        ]


@dataclass
class DetBatchPredEntity(DetBatchDataEntity, OTXBatchPredEntity[DetDataEntity]):
    """Detections of a batch; boxes are in pixels of the *original* images, best score first.

    Attributes:
        scores: Per image (N,) confidences in [0, 1].
    """

    scores: list[Tensor]

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The detections of each image with at least that score, in the form of `predictions.json`."""
        records = []
        for info, boxes, ids, scores in zip(self.imgs_info, self.bboxes, self.labels, self.scores, strict=True):
            keep = scores >= threshold
            found = object_entries(labels, ids[keep], boxes.as_subclass(Tensor)[keep], scores[keep])
            records.append(image_record(info, objects=found))
        return records
