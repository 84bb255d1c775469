"""Feature maps of any timm network, for detectors and other networks that are built on a backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
from torch import nn


def feature_maps(
    arch: str, stages: Sequence[int], options: Mapping[str, Any]
) -> tuple[nn.Module, list[int], list[int]]:
    """A network from images to a list of maps, with the channels and strides of those maps.

    Its state dict has timm's own keys, so weights of the classifier of that name fit it.

    Args:
        arch: timm's name of the network.
        stages: Stages to take; 2 has stride 8, 3 has stride 16, ...
        options: Further arguments of `timm.create_model`.
    """
    network = timm.create_model(arch, features_only=True, out_indices=tuple(stages), **options)
    levels: Any = network.feature_info
    return network, levels.channels(), levels.reduction()
