"""A feature pyramid over a backbone of timm, for torchvision's detectors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from otx.frameworks.timm_networks import feature_maps


class Pyramid(nn.Module):
    """Equally wide maps from the stages of a backbone.

    Args:
        in_chans: Channels of the images.
        backbone: timm's name of it.
        backbone_options: Further arguments of it.
        stages: Stages to take, finest first.
        channels: Channels of each level of the pyramid.

    Attributes:
        strides: Pixels of the input per cell, for each level.
        out_channels: Channels of each level; torchvision asks for it under this name.
    """

    def __init__(
        self, in_chans: int, *, backbone: str, backbone_options: Mapping[str, Any], stages: Sequence[int], channels: int
    ) -> None:
        super().__init__()
        self.body, widths, strides = feature_maps(backbone, stages, {"in_chans": in_chans, **backbone_options})
        self.strides: list[int] = strides
        self.fpn = FeaturePyramidNetwork(widths, channels)
        self.out_channels = channels

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """(B, C, H, W) -> maps by level, finest first."""
        features = OrderedDict((str(level), feature) for level, feature in enumerate(self.body(images)))
        pyramid: OrderedDict[str, Tensor] = self.fpn(features)
        return pyramid
