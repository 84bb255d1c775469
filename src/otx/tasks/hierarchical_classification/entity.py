"""What a hierarchical classification sample has: for each label of the tree whether it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.label_info import LabelInfo
from otx.core.records import image_record


@dataclass
class HLabelClsDataEntity(OTXDataEntity):
    """One image with its labels.

    Attributes:
        labels: (C,) bool, one per label of the tree; where a label is true, so are those that it lies below. A group of
            exclusive labels none of which is true is not known.
    """

    labels: Tensor

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or self.labels.dtype is not torch.bool:
            found = f"{tuple(self.labels.shape)} {self.labels.dtype}"
            msg = f"expected (C,) bool labels, got {found} for {self.img_info.path or 'an image without a path'}"
            raise ValueError(msg)


@dataclass
class HLabelClsBatchDataEntity(OTXBatchDataEntity[HLabelClsDataEntity]):
    """A batch of images with their labels.

    Attributes:
        labels: (B, C) bool, as in a sample.
    """

    stacked: ClassVar[tuple[str, ...]] = ("labels",)

    labels: Tensor

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The labels of each image in the form of `predictions.json`, parents before their children."""
        return [
            image_record(info, labels=[{"label": labels.names[index]} for index in _path_order(row, labels)])
            for info, row in zip(self.imgs_info, self.labels, strict=True)
        ]


@dataclass
class HLabelClsBatchPredEntity(HLabelClsBatchDataEntity, OTXBatchPredEntity[HLabelClsDataEntity]):
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
            for index in _path_order(row, labels):
                name = labels.names[index]
                above = labels.parents.get(name, "")
                if scores[index] >= threshold and (not above or above in shown):
                    shown[name] = round(scores[index], 5)
            entries = [{"label": name, "score": score} for name, score in shown.items()]
            records.append(image_record(info, labels=entries))
        return records


def _path_order(row: Tensor, labels: LabelInfo) -> list[int]:
    """Indices of the true labels in the order of the tree: each label right before those below it."""
    return sorted(
        row.nonzero().flatten().tolist(),
        key=lambda index: [labels.names.index(name) for name in labels.path(labels.names[index])],
    )
