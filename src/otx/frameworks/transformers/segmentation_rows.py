"""Semantic segmenters of Hugging Face transformers, as the arguments of their configuration.

NVIDIA's licence forbids commercial use of the published SegFormer weights, so the rows have none; a file can be given.
"""

from __future__ import annotations

from typing import Any

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType


def _segformer(size: str, parameters: int, options: dict[str, Any]) -> ModelRow:
    return ModelRow(
        name=f"transformers/segformer_{size}",
        task=OTXTaskType.SEMANTIC_SEGMENTATION,
        adapter="otx.frameworks.transformers.segformer:TransformersSegformer",
        arch="segformer",
        options=options,
        input_spec=InputSpec(height=512, width=512),
        parameters=parameters,
        recipe="semantic_segmentation/transformer",
        tileable=True,
        extra="transformers",
    )


ROWS = (
    _segformer("b0", 3_719_541, {}),
    _segformer("b1", 13_682_645, {"hidden_sizes": [64, 128, 320, 512]}),
)
