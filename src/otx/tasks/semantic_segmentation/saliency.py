"""What there is to explain in the classes of pixels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from otx.core.saliency import Saliency
from otx.tasks.semantic_segmentation.entity import SegBatchPredEntity

LEAST_SHARE = 0.01
"""Of the image: smaller regions are not explained."""


class RegionSaliency(Saliency[SegBatchPredEntity]):
    """Explains the region of each class."""

    def __init__(self, prediction: SegBatchPredEntity, raw: Mapping[str, Tensor], threshold: float) -> None:
        mask_HW = prediction.masks[0].as_subclass(Tensor)
        areas_C = torch.bincount(mask_HW.flatten().int())
        order = areas_C.argsort(descending=True).tolist()
        self.labels = [label for label in order if areas_C[label] >= LEAST_SHARE * mask_HW.numel()]
        self._regions_LHW = torch.stack([mask_HW == label for label in self.labels])
        self._maps_LHW = raw["logits"][0].float().softmax(dim=0)[self.labels]
        self.scores = [
            float(map_HW[region].mean()) for map_HW, region in zip(self._maps_LHW, self._regions_LHW, strict=True)
        ]

    def support(self, prediction: SegBatchPredEntity) -> Tensor:
        """The share of each region that still has its class."""
        masks_BHW = torch.stack([mask.as_subclass(Tensor) for mask in prediction.masks])
        return torch.stack(
            [
                (masks_BHW[:, region] == label).float().mean(dim=1)
                for label, region in zip(self.labels, self._regions_LHW, strict=True)
            ],
            dim=1,
        )

    def maps(self) -> Tensor:
        """The probability of each class."""
        return self._maps_LHW
