"""What adapters of several frameworks need of timm: feature maps of its networks, and what it knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import timm
from timm.models import PretrainedCfg
from torch import nn

from otx.core.catalog import Weights
from otx.core.errors import UserError, nearest

# timm's way of writing licences -> SPDX; others are shown as timm writes them.
SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-nc-4.0": "CC-BY-NC-4.0"}


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


def facts(name: str) -> PretrainedCfg:
    """What timm knows of a model, whose name may end in the tag of its weights.

    Raises:
        UserError: timm does not have it; the message names the nearest.
    """
    try:
        known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    except RuntimeError:  # the architecture has no weights of that tag
        known = None
    if known is None:
        raise UserError(f"timm has no model {name!r}.{nearest(name, [*timm.list_models(), *timm.list_pretrained()])}")
    return known


def weights(facts: PretrainedCfg) -> Weights | None:
    """Where its weights are; None if timm keeps none on the hub."""
    if not facts.hf_hub_id or facts.hf_hub_filename:
        return None
    licence = facts.license or "unknown"
    return Weights(
        hub=facts.hf_hub_id,
        licence=SPDX.get(licence, licence),
        trained_on=facts.tag or "unknown",
        labels=facts.num_classes,
    )
