"""Prompted models of Hugging Face transformers, as the arguments of their configurations.

The values are those of the published checkpoints. The slim and the tiny one have no weights: they are small enough to
learn from nothing, their encoder is trained with the rest, and prompts are drawn for them (`SamNetwork`). The zero-shot
ones are not trained at all: one pass over the images gathers what objects of each class look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType


def _prompted(name: str, side: int, parameters: int, options: Mapping[str, Any], weights: Weights | None) -> ModelRow:
    return ModelRow(
        name=f"transformers/{name}",
        task=OTXTaskType.VISUAL_PROMPTING,
        adapter="otx.frameworks.transformers.sam:TransformersSAM",
        arch=name.split("_", maxsplit=1)[0],
        options=options,
        input_spec=InputSpec(height=side, width=side, resize=ResizeMode.LETTERBOX, square=True),
        parameters=parameters,
        weights=weights,
        recipe="visual_prompting/zero_shot" if "zero_shot" in options else "",
        explainable=False,
        extra="transformers",
    )


def _published(hub: str, trained_on: str) -> Weights:
    return Weights(hub=hub, licence="Apache-2.0", trained_on=trained_on)


def _timm(architecture: str, levels: tuple[int, ...] = (0, 1, 2, 3), **more: str) -> dict[str, Any]:
    return {
        "model_type": "timm_wrapper",
        "architecture": architecture,
        "num_classes": 0,
        "model_args": {"in_chans": 3, "features_only": True, "out_indices": list(levels), **more},
    }


_SLIM: dict[str, Any] = {
    "draws": True,
    "vision_config": {
        # Without batch statistics four images were learned by heart in fewer steps.
        "backbone_config": _timm("resnet10t", (1, 2, 3, 4), norm_layer="groupnorm1"),
        "backbone_channel_list": [512, 256, 128, 64],
        "fpn_hidden_size": 128,
    },
    "prompt_encoder_config": {"hidden_size": 128},
    "mask_decoder_config": {"hidden_size": 128, "mlp_dim": 512, "iou_head_hidden_dim": 128},
}
_EDGETAM: dict[str, Any] = {"vision_config": {"backbone_config": _timm("repvit_m1")}}
_ZERO_SHOT: dict[str, Any] = {"zero_shot": True}
_TINY_VIT: dict[str, Any] = {
    "draws": True,
    "vision_config": {
        "hidden_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "output_channels": 96,
        "window_size": 7,
        "global_attn_indexes": [2],
        "num_pos_feats": 48,
    },
    "prompt_encoder_config": {"hidden_size": 96},
    "mask_decoder_config": {"hidden_size": 96, "mlp_dim": 384, "num_attention_heads": 4, "iou_head_hidden_dim": 96},
}

_SAM = _published("facebook/sam-vit-base", "SA-1B")
_SAM2 = _published("facebook/sam2.1-hiera-tiny", "SA-V, SA-1B")
_EDGE = _published("yonigozlan/EdgeTAM-hf", "SA-V, SA-1B")

ROWS = (
    _prompted("edgetam_slim", 384, 5_845_097, _SLIM, None),
    _prompted("sam_vit_tiny", 384, 991_588, _TINY_VIT, None),
    _prompted("sam_vit_base", 1024, 93_735_728, {}, _SAM),
    _prompted("sam2_hiera_tiny", 1024, 31_440_721, {}, _SAM2),
    _prompted("edgetam", 1024, 9_120_641, _EDGETAM, _EDGE),
    _prompted("sam2_hiera_tiny_zero_shot", 1024, 31_440_721, _ZERO_SHOT, _SAM2),
    _prompted("edgetam_zero_shot", 1024, 9_120_641, _EDGETAM | _ZERO_SHOT, _EDGE),
)
