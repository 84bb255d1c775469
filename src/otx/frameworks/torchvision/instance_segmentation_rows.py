"""Catalog rows of Mask R-CNN."""

from __future__ import annotations

from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType


def _row(
    name: str, parameters: int, *, size: int, weights: str = "", options: dict[str, Any] | None = None
) -> ModelRow:
    return ModelRow(
        name=f"torchvision/{name}",
        task=OTXTaskType.INSTANCE_SEGMENTATION,
        adapter="otx.frameworks.torchvision.mask_rcnn:TorchvisionMaskRCNN",
        arch=name,
        options=options or {},
        input_spec=InputSpec(height=size, width=size),
        parameters=parameters,
        licence="BSD-3-Clause",
        weights=Weights(torchvision=weights, licence="BSD-3-Clause", trained_on="COCO", labels=91, part="detector")
        if weights
        else None,
        package="torchvision",
    )


SLIM: dict[str, Any] = {
    "features": "otx.frameworks.timm.features:feature_maps",
    "backbone": "resnet18",
    "backbone_options": {"channels": [32, 64, 128, 256]},
    "stages": [1, 2, 3, 4],
    "channels": 64,
    "hidden": 256,
    "samples": 64,
}

ROWS = (
    # Learns from random weights on few images in minutes: all channels of the ResNet are halved, the heads are small.
    _row("maskrcnn_resnet18_slim", 4_005_585, size=320, options=SLIM),
    _row("maskrcnn_resnet50_fpn", 44_401_393, size=640, weights="MaskRCNN_ResNet50_FPN_Weights.COCO_V1"),
    _row("maskrcnn_resnet50_fpn_v2", 46_359_409, size=640, weights="MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1"),
)
