"""What a multi-class classification sample has: exactly one label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.label_info import LabelInfo
from otx.core.records import image_record


@dataclass
class MultiClassClsDataEntity(OTXDataEntity):
    """One image with its label.

    Attributes:
        label: () int64 class index.
    """

    placeless: ClassVar[bool] = True

    label: Tensor

    def __post_init__(self) -> None:
        if self.label.ndim != 0:
            self.refuse(f"one label, got {self.label.tolist()}")


@dataclass
class MultiClassClsBatchDataEntity(OTXBatchDataEntity[MultiClassClsDataEntity]):
    """A batch of images with their labels.

    Attributes:
        labels: (B,) int64 class indices.
    """

    stacked: ClassVar[tuple[str, ...]] = ("labels",)

    labels: Tensor

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The label of each image in the form of `predictions.json`."""
        return [
            image_record(info, labels=[{"label": labels.names[index]}])
            for info, index in zip(self.imgs_info, self.labels.tolist(), strict=True)
        ]


@dataclass
class MultiClassClsBatchPredEntity(MultiClassClsBatchDataEntity, OTXBatchPredEntity[MultiClassClsDataEntity]):
    """Predicted labels of a batch; `labels` holds the best class of each image.

    Attributes:
        scores: (B, C) probabilities of all classes; rows sum to 1.
    """

    scores: Tensor

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The five best labels of each image, best first, in the form of `predictions.json`; no threshold applies."""
        best = self.scores.topk(min(5, self.scores.shape[1]), dim=1)
        records = []
        for info, ids, scores in zip(self.imgs_info, best.indices.tolist(), best.values.tolist(), strict=True):
            found = [{"label": labels.names[i], "score": round(s, 5)} for i, s in zip(ids, scores, strict=True)]
            records.append(image_record(info, labels=found))
        return records
