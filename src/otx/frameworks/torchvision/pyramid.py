"""A feature pyramid over any framework's backbone, for torchvision's detectors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from otx.core.refs import resolve


class Pyramid(nn.Module):
    """Equally wide maps from the stages of a backbone.

    Args:
        features: Reference to a function `(arch, stages, in_chans, options) -> (network, channels, strides)`, for
            example `otx.frameworks.timm.features:feature_maps`; by reference, so frameworks do not know each other.
        arch: The backbone's name in its framework.
        stages: Stages to take, finest first.
        channels: Channels of each level of the pyramid.
        in_chans: Channels of the images.
        options: Further arguments of the backbone.

    Attributes:
        strides: Pixels of the input per cell, for each level.
        out_channels: Channels of each level; torchvision asks for it under this name.
    """

    def __init__(
        self,
        features: str,
        arch: str,
        stages: Sequence[int],
        channels: int,
        in_chans: int,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.body, widths, strides = resolve(features)(arch, stages, in_chans, options)
        self.strides: list[int] = strides
        self.fpn = FeaturePyramidNetwork(widths, channels)
        self.out_channels = channels

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """(B, C, H, W) -> maps by level, finest first."""
        features = OrderedDict((str(level), feature) for level, feature in enumerate(self.body(images)))
        pyramid: OrderedDict[str, Tensor] = self.fpn(features)
        return pyramid
