"""What an action classification sample has: clips of a video, and exactly one label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.tasks.multi_class_classification.entity import (
    MultiClassClsBatchDataEntity,
    MultiClassClsBatchPredEntity,
    MultiClassClsDataEntity,
)


@dataclass
class ActionClsDataEntity(MultiClassClsDataEntity):
    """One video with its label.

    Attributes:
        image: (K, T, C, H, W) pixels of its clips; in training there is one.
    """

    placeless: ClassVar[bool] = False  # videos are decoded at their size

    image: tv_tensors.Video


@dataclass
class ActionClsBatchDataEntity(MultiClassClsBatchDataEntity):
    """A batch of videos with their labels; `images` is (B K, T, C, H, W), the clips of the first video first."""

    @classmethod
    def join_images(cls, images: list[Tensor]) -> Tensor:
        """The clips of all videos in a row; each video has as many."""
        return torch.cat(images)


@dataclass
class ActionClsBatchPredEntity(ActionClsBatchDataEntity, MultiClassClsBatchPredEntity):
    """Predicted labels of a batch; `labels` and `scores` are of the videos.

    Attributes:
        clip_scores: (B, K, C) probabilities of all classes by clip; `scores` is their mean.
    """

    clip_scores: Tensor
