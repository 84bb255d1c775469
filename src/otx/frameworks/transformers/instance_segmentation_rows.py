"""Catalog rows of Mask2Former: backbones as the arguments of their configuration.

The published weights have a licence of their own (`other`), so no row names them; give a file with `--pretrained`.
"""

from __future__ import annotations

from typing import Any

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def _mask2former(name: str, backbone: dict[str, Any], parameters: int, *, size: int) -> ModelRow:
    return ModelRow(
        name=f"transformers/{name}",
        task=OTXTaskType.INSTANCE_SEGMENTATION,
        adapter="otx.frameworks.transformers.mask_queries:TransformersMaskQueries",
        arch="mask2former",
        options={"backbone_config": {**backbone, "out_features": STAGES}},
        input_spec=InputSpec(height=size, width=size),
        parameters=parameters,
        extra="transformers",
        tileable=True,
    )


ROWS = (
    _mask2former(
        "mask2former_resnet18",
        {"model_type": "resnet", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"},
        30_957_147,
        size=320,
    ),
    _mask2former(
        "mask2former_swin_tiny",
        {
            "model_type": "swin",
            "embed_dim": 96,
            "depths": [2, 2, 6, 2],
            "num_heads": [3, 6, 12, 24],
            "window_size": 7,
            "drop_path_rate": 0.3,
        },
        47_425_749,
        size=384,
    ),
)
