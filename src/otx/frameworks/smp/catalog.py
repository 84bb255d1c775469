"""Segmenters of segmentation-models-pytorch: some rows, and any of its decoders over any encoder by look-up.

A name is `smp/DECODER_ENCODER`. The encoder's weights, licence and normalisation are those of timm's catalog; decoders
start from random weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.errors import UserError, nearest, require
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType

SIZE = 512


def _row(
    name: str, parameters: int, weights: Weights | None, options: Mapping[str, Any] | None = None, *, size: int = SIZE
) -> ModelRow:
    arch, _, encoder = name.partition("_")
    return ModelRow(
        name=f"smp/{name}",
        task=OTXTaskType.SEMANTIC_SEGMENTATION,
        adapter="otx.frameworks.smp.segmenter:SMPSegmenter",
        arch=arch,
        options={"encoder_name": f"tu-{encoder}", **(options or {})},
        input_spec=InputSpec(height=size, width=size),
        parameters=parameters,
        licence="MIT",
        weights=weights,
        package="segmentation_models_pytorch",
        tileable=True,
        extra="smp",
    )


def _imagenet(name: str) -> Weights:
    return Weights(
        hub=f"timm/{name}", licence="Apache-2.0", trained_on="ImageNet-1k", labels=1000, part="encoder.model"
    )


ROWS = (
    # Learns from random weights on some hundred images in minutes: all channels of the ResNet are halved. In
    # short runs on digits it was ahead of a U-Net of the same cost (docs/results.md).
    _row(
        "fpn_resnet18_slim",
        3_195_477,
        None,
        {
            "encoder_name": "tu-resnet18",
            "channels": [32, 64, 128, 256],
            "decoder_pyramid_channels": 96,
            "decoder_segmentation_channels": 64,
        },
        size=384,
    ),
    _row("unet_mobilenetv4_conv_small", 4_978_437, _imagenet("mobilenetv4_conv_small.e2400_r224_in1k")),
    _row("unet_resnet18", 14_331_109, _imagenet("resnet18.a1_in1k")),
    _row("fpn_resnet18", 13_049_813, _imagenet("resnet18.a1_in1k")),
    _row("deeplabv3plus_resnet50", 26_682_725, _imagenet("resnet50.a1_in1k")),
)


def lookup(name: str, task: str) -> ModelRow | None:
    """The row of a decoder of smp over an encoder of timm.

    Raises:
        MissingExtraError: segmentation-models-pytorch is not installed.
        UserError: There is no such decoder or encoder; the message names the nearest.
    """
    if task not in {row.task for row in ROWS}:
        return None
    require("segmentation_models_pytorch", "smp")
    import segmentation_models_pytorch as smp
    import torch

    from otx.frameworks import timm_networks

    known = smp.MODEL_ARCHITECTURES_MAPPING
    arch, _, encoder = name.partition("_")
    if arch not in known or not encoder:
        msg = f"expected smp/DECODER_ENCODER, for example smp/unet_resnet18, got smp/{name}.{nearest(arch, known)}"
        raise UserError(msg)
    facts = timm_networks.facts(encoder)
    with torch.device("meta"):
        network = smp.create_model(arch, f"tu-{encoder}", encoder_weights=None, classes=21)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    weights = timm_networks.weights(facts)
    row = _row(name, parameters, replace(weights, part="encoder.model") if weights else None)
    spec = replace(row.input_spec, mean=tuple(facts.mean), std=tuple(facts.std))
    return replace(row, input_spec=spec)
