"""What a multi-label classification sample has: for each label whether it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.label_info import LabelInfo
from otx.core.records import image_record


@dataclass
class MultiLabelClsDataEntity(OTXDataEntity):
    """One image with its labels.

    Attributes:
        labels: (C,) bool, one per class.
    """

    placeless: ClassVar[bool] = True

    labels: Tensor

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or self.labels.dtype is not torch.bool:
            self.refuse(f"(C,) bool labels, got {tuple(self.labels.shape)} {self.labels.dtype}")


@dataclass
class MultiLabelClsBatchDataEntity(OTXBatchDataEntity[MultiLabelClsDataEntity]):
    """A batch of images with their labels.

    Attributes:
        labels: (B, C) bool.
    """

    stacked: ClassVar[tuple[str, ...]] = ("labels",)

    labels: Tensor

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The labels of each image in the form of `predictions.json`."""
        return [
            image_record(info, labels=[{"label": labels.names[index]} for index in self.order(row, labels)])
            for info, row in zip(self.imgs_info, self.labels, strict=True)
        ]

    @classmethod
    def order(cls, row: Tensor, labels: LabelInfo) -> list[int]:  # noqa: ARG003 - another task has an order of its own
        """Indices of the true labels as they are listed."""
        return [int(index) for index in row.nonzero().flatten()]


@dataclass
class MultiLabelClsBatchPredEntity(MultiLabelClsBatchDataEntity, OTXBatchPredEntity[MultiLabelClsDataEntity]):
    """Predicted labels of a batch; `labels` are those that reach their threshold.

    Attributes:
        scores: (B, C) in [0, 1], in which 0.5 is the threshold of every label.
    """

    scores: Tensor

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The labels of each image with at least that score, best first, in the form of `predictions.json`."""
        records = []
        for info, scores in zip(self.imgs_info, self.scores, strict=True):
            best = scores.sort(descending=True, stable=True)
            found = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            entries = [{"label": labels.names[i], "score": round(score, 5)} for i, score in found if score >= threshold]
            records.append(image_record(info, labels=entries))
        return records
