"""Catalog rows of Mask R-CNN, of the detectors of rotated boxes that it makes, and of Keypoint R-CNN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType


def _row(
    name: str, parameters: int, *, size: int, weights: str = "", labels: int = 91, options: dict[str, Any] | None = None
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
        weights=Weights(torchvision=weights, licence="BSD-3-Clause", trained_on="COCO", labels=labels, part="detector")
        if weights
        else None,
        tileable=True,
    )


SLIM_BODY: dict[str, Any] = {
    "backbone": "resnet18",
    "backbone_options": {"channels": [32, 64, 128, 256]},
    "stages": [1, 2, 3, 4],
    "channels": 64,
    "hidden": 256,
}
SLIM: dict[str, Any] = {**SLIM_BODY, "anchors": [4.0], "settings": {"box_batch_size_per_image": 64}}


# Seen from above, objects are few, small and slanted. Of torchvision's 256 anchors to learn from they would be 7, and
# upright boxes of slanted neighbours overlap more than the neighbours do.
SMALL: dict[str, Any] = {
    **SLIM["settings"],
    "rpn_batch_size_per_image": 64,
    "rpn_fg_iou_thresh": 0.5,
    "box_nms_thresh": 0.7,
}


def _rotated(row: ModelRow, parameters: int, **options: Any) -> ModelRow:  # noqa: ANN401 - as the adapter takes them
    return replace(
        row,
        input_spec=InputSpec(height=640, width=640),  # seen from above, objects are small
        name=row.name.replace("/", "/rotated_"),
        parameters=parameters,
        task=OTXTaskType.ROTATED_DETECTION,
        adapter="otx.tasks.rotated_detection.model:OTXRotatedDetModel",
        options={"instances": row.adapter, "options": {**row.options, **options}},
        weights=replace(row.weights, part=f"model.{row.weights.part}") if row.weights else None,
    )


def _keypoints(row: ModelRow, arch: str) -> ModelRow:
    task, adapter = OTXTaskType.KEYPOINT_DETECTION, "otx.frameworks.torchvision.keypoint_rcnn:TorchvisionKeypointRCNN"
    return replace(row, task=task, adapter=adapter, arch=arch, explainable=False, tileable=False)


# Learns from random weights on few images in minutes: all channels of the ResNet are halved, the heads are small.
MASKRCNN_SLIM = _row("maskrcnn_resnet18_slim", 4_113_585, size=320, options=SLIM)
MASKRCNN_V2 = _row("maskrcnn_resnet50_fpn_v2", 46_359_409, size=640, weights="MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1")

KEYPOINT_SLIM = _row("keypointrcnn_resnet18_slim", 4_068_138, size=320, options=SLIM_BODY)
KEYPOINT_WEIGHTS = "KeypointRCNN_ResNet50_FPN_Weights.COCO_V1"
KEYPOINT = _row("keypointrcnn_resnet50_fpn", 59_190_378, size=640, weights=KEYPOINT_WEIGHTS, labels=2)

ROWS = (
    MASKRCNN_SLIM,
    _row("maskrcnn_resnet50_fpn", 44_454_513, size=640, weights="MaskRCNN_ResNet50_FPN_Weights.COCO_V1"),
    MASKRCNN_V2,
    _rotated(MASKRCNN_SLIM, 4_114_560, anchors=[3.0, 4.2], settings=SMALL),
    _rotated(MASKRCNN_V2, MASKRCNN_V2.parameters),
    _keypoints(KEYPOINT_SLIM, "keypointrcnn"),
    _keypoints(KEYPOINT, "keypointrcnn_resnet50_fpn"),
)
