"""What a multi-class classification sample has: exactly one label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo


@dataclass
class MultiClassClsDataEntity(OTXDataEntity):
    """One image with its label.

    Attributes:
        label: () int64 class index.
    """

    label: Tensor

    def __post_init__(self) -> None:
        if self.label.ndim != 0:
            msg = f"expected one label, got {self.label.tolist()} for {self.img_info.path or 'an image without a path'}"
            raise ValueError(msg)


@dataclass
class MultiClassClsBatchDataEntity(OTXBatchDataEntity[MultiClassClsDataEntity]):
    """A batch of images with their labels.

    Attributes:
        labels: (B,) int64 class indices.
    """

    labels: Tensor

    @classmethod
    def collate(cls, samples: Sequence[MultiClassClsDataEntity]) -> Self:
        """Stack images and labels."""
        return cls(
            images=torch.stack([sample.image.as_subclass(Tensor) for sample in samples]),
            imgs_info=[sample.img_info for sample in samples],
            labels=torch.stack([sample.label for sample in samples]),
        )

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The label of each image in the form of `predictions.json`."""
        return [
            _record(info, [{"label": labels.names[index]}])
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
        return [
            _record(info, [{"label": labels.names[i], "score": round(s, 5)} for i, s in zip(ids, scores, strict=True)])
            for info, ids, scores in zip(self.imgs_info, best.indices.tolist(), best.values.tolist(), strict=True)
        ]


def _record(info: ImageInfo, labels: list[dict[str, Any]]) -> dict[str, Any]:
    return {"image": info.path, "width": info.width, "height": info.height, "labels": labels}
