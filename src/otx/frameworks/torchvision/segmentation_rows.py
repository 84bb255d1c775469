"""Semantic segmenters of torchvision."""

from __future__ import annotations

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType

BSD = "BSD-3-Clause"


def _row(name: str, weights: str, parameters: int) -> ModelRow:
    return ModelRow(
        name=f"torchvision/{name}",
        task=OTXTaskType.SEMANTIC_SEGMENTATION,
        adapter="otx.frameworks.torchvision.segmenter:TorchvisionSegmenter",
        arch=name,
        input_spec=InputSpec(height=512, width=512),
        parameters=parameters,
        licence=BSD,
        weights=Weights(torchvision=f"{weights}.COCO_WITH_VOC_LABELS_V1", licence=BSD, trained_on="COCO", labels=21),
        tileable=True,
    )


ROWS = (
    _row("lraspp_mobilenet_v3_large", "LRASPP_MobileNet_V3_Large_Weights", 3_221_538),
    _row("deeplabv3_mobilenet_v3_large", "DeepLabV3_MobileNet_V3_Large_Weights", 11_025_477),
)
