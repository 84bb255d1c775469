"""Any timm network with a feature pyramid on top, as the backbone of a torchvision detector."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork


class TimmPyramid(nn.Module):
    """Pyramid of equally wide maps from the stages of a timm network.

    Args:
        name: timm's name of the network.
        stages: Stages to take, 2 having stride 8, 3 stride 16, ...
        channels: Channels of each level of the pyramid.
        options: Further arguments of `timm.create_model`.
        in_chans: Channels of the image.

    Attributes:
        strides: Pixels of the input per cell, for each level.
    """

    def __init__(
        self, name: str, stages: Sequence[int], channels: int, options: Mapping[str, Any], in_chans: int = 3
    ) -> None:
        super().__init__()
        self.body = timm.create_model(name, features_only=True, out_indices=tuple(stages), in_chans=in_chans, **options)
        levels: Any = self.body.feature_info
        self.strides: list[int] = levels.reduction()
        self.fpn = FeaturePyramidNetwork(levels.channels(), channels)
        self.out_channels = channels

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """(B, C, H, W) -> maps by level, finest first."""
        features = OrderedDict((str(level), feature) for level, feature in enumerate(self.body(images)))
        pyramid: OrderedDict[str, Tensor] = self.fpn(features)
        return pyramid
