"""Action classifiers of transformers. VideoMAE's own weights are CC-BY-NC-4.0, so no row names them."""

from __future__ import annotations

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType

ROWS = (
    ModelRow(
        name="transformers/videomae_small",
        task=OTXTaskType.ACTION_CLASSIFICATION,
        adapter="otx.frameworks.transformers.video:TransformersVideoMAE",
        arch="videomae",
        options={"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536, "use_mean_pooling": True},
        input_spec=InputSpec(height=224, width=224, frames=16, frame_step=4),
        parameters=22_033_936,
        explainable=False,
        extra="transformers",
    ),
)
