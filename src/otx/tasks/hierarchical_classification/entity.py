"""What a hierarchical classification sample has: for each label of the tree whether it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from otx.core.entity import OTXBatchPredEntity
from otx.core.label_info import LabelInfo
from otx.core.records import image_record
from otx.tasks.multi_label_classification.entity import MultiLabelClsBatchDataEntity, MultiLabelClsDataEntity


@dataclass
class HLabelClsDataEntity(MultiLabelClsDataEntity):
    """One image with its labels.

    Attributes:
        labels: (C,) bool, one per label of the tree; where a label is true, so are those that it lies below. A group of
            exclusive labels none of which is true is not known.
    """


@dataclass
class HLabelClsBatchDataEntity(MultiLabelClsBatchDataEntity):
    """A batch of images with their labels, as in a sample."""

    @classmethod
    def order(cls, row: Tensor, labels: LabelInfo) -> list[int]:
        """Indices of the true labels in the order of the tree: each label right before those below it."""
        return sorted(
            super().order(row, labels),
            key=lambda index: [labels.names.index(name) for name in labels.path(labels.names[index])],
        )


@dataclass
class HLabelClsBatchPredEntity(HLabelClsBatchDataEntity, OTXBatchPredEntity[MultiLabelClsDataEntity]):
    """Predicted labels of a batch; `labels` hold whole paths: each label with those that it lies below.

    Attributes:
        scores: (B, C) probability of each label, given that the label above it is true.
    """

    scores: Tensor

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The predicted labels of each image, parents first, in the form of `predictions.json`.

        Args:
            labels: Names of the classes.
            threshold: Score below which a label is left out, together with those below it.
        """
        records = []
        for info, row, scores in zip(self.imgs_info, self.labels, self.scores.tolist(), strict=True):
            shown: dict[str, float] = {}
            for index in self.order(row, labels):
                name = labels.names[index]
                above = labels.parents.get(name, "")
                if scores[index] >= threshold and (not above or above in shown):
                    shown[name] = round(scores[index], 5)
            entries = [{"label": name, "score": score} for name, score in shown.items()]
            records.append(image_record(info, labels=entries))
        return records
