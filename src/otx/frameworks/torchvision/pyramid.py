"""A feature pyramid over any framework's backbone, for torchvision's detectors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

FeatureMaps = Callable[[str, Sequence[int], Mapping[str, Any]], tuple[nn.Module, list[int], list[int]]]
"""Builds a backbone from its name, its stages and further arguments; gives it with its channels and strides."""


class Pyramid(nn.Module):
    """Equally wide maps from the stages of a backbone.

    Args:
        features: Builds the backbone, for example `otx.frameworks.timm.features:feature_maps`. It comes by reference
            from a catalog row, because frameworks do not know each other.
        arch: The backbone's name in its framework.
        stages: Stages to take, finest first.
        channels: Channels of each level of the pyramid.
        options: Further arguments of the backbone.

    Attributes:
        strides: Pixels of the input per cell, for each level.
        out_channels: Channels of each level; torchvision asks for it under this name.
    """

    def __init__(
        self, features: FeatureMaps, arch: str, stages: Sequence[int], channels: int, options: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.body, widths, strides = features(arch, stages, options)
        self.strides: list[int] = strides
        self.fpn = FeaturePyramidNetwork(widths, channels)
        self.out_channels = channels

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """(B, C, H, W) -> maps by level, finest first."""
        features = OrderedDict((str(level), feature) for level, feature in enumerate(self.body(images)))
        pyramid: OrderedDict[str, Tensor] = self.fpn(features)
        return pyramid
