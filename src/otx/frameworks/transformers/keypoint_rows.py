"""Keypoint models of transformers; the values are those of the published checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType


def _vitpose(
    name: str,
    parameters: int,
    weights: Weights | None,
    *,
    size: tuple[int, int] = (256, 192),
    simple: bool = True,
    backbone: Mapping[str, Any],
) -> ModelRow:
    layers = backbone["num_hidden_layers"]
    return ModelRow(
        name=f"transformers/{name}",
        task=OTXTaskType.KEYPOINT_DETECTION,
        adapter="otx.frameworks.transformers.vitpose:TransformersViTPose",
        arch="vitpose",
        options={"backbone_config": {**backbone, "out_indices": [layers]}, "use_simple_decoder": simple},
        input_spec=InputSpec(height=size[0], width=size[1], resize=ResizeMode.LETTERBOX, object_margin=1.25),
        parameters=parameters,
        weights=weights,
        recipe="keypoint_detection/top_down",
        explainable=False,
        extra="transformers",
    )


ROWS = (
    _vitpose(
        "vitpose_small",
        24_290_577,
        None,
        simple=False,
        backbone={"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12},
    ),
    _vitpose(
        "vitpose_base",
        85_912_337,
        Weights(hub="usyd-community/vitpose-base-simple", licence="Apache-2.0", trained_on="COCO"),
        backbone={"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    ),
)
