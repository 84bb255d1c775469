"""Keypoint models of torchvision."""

from __future__ import annotations

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType
from otx.frameworks.torchvision.instance_segmentation_rows import SLIM_BODY

BSD = "BSD-3-Clause"

ROWS = (
    # Learns from random weights on some hundred images in minutes: all channels of the ResNet are halved.
    ModelRow(
        name="torchvision/keypointrcnn_resnet18_slim",
        task=OTXTaskType.KEYPOINT_DETECTION,
        adapter="otx.frameworks.torchvision.keypoint_rcnn:TorchvisionKeypointRCNN",
        arch="keypointrcnn",
        options=SLIM_BODY,
        input_spec=InputSpec(height=320, width=320),
        parameters=4_068_138,
        licence=BSD,
        explainable=False,
    ),
    ModelRow(
        name="torchvision/keypointrcnn_resnet50_fpn",
        task=OTXTaskType.KEYPOINT_DETECTION,
        adapter="otx.frameworks.torchvision.keypoint_rcnn:TorchvisionKeypointRCNN",
        arch="keypointrcnn_resnet50_fpn",
        input_spec=InputSpec(height=640, width=640),
        parameters=59_190_378,
        licence=BSD,
        weights=Weights(
            torchvision="KeypointRCNN_ResNet50_FPN_Weights.COCO_V1",
            licence=BSD,
            trained_on="COCO",
            labels=2,
            part="detector",
        ),
        explainable=False,
    ),
)
