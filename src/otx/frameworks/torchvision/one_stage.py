"""What torchvision's one-stage detectors share: backbone and head without their resizing, and raw outputs for export.

Torchvision's own `forward` resizes and normalises again (`GeneralizedRCNNTransform`) and ends with suppression, which
does not trace with a dynamic batch; here the parts are called directly, and `decode` suppresses.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.fcos import FCOS
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.detection.ssd import SSD
from torchvision.ops import clip_boxes_to_image

from otx.core.model import PixelInput
from otx.tasks.detection.decode import topk_detections
from otx.tasks.detection.entity import DetBatchDataEntity
from otx.tasks.detection.model import OTXDetectionModel


class OneStage(nn.Module):
    """Backbone, head and anchors of a torchvision detector, from normalised images of the model's size."""

    def __init__(self, detector: FCOS | RetinaNet | SSD) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> dict[str, Any]:
        """(B, 3, H, W) -> the head's outputs, `anchors` (A, 4), and `levels`, the number of cells of each."""
        # Anchors and boxes come in the type of these; above 256, BF16 has every second pixel only.
        features = [feature.float() for feature in self.detector.backbone(images).values()]
        outputs: dict[str, Any] = {name: values.float() for name, values in self.detector.head(features).items()}
        # All images of a batch are of one size, so they share the anchors; the graph then holds them once.
        height, width = images.shape[-2:]
        outputs["anchors"] = self.detector.anchor_generator(ImageList(images, [(height, width)]), features)[0]
        outputs["levels"] = [feature.shape[-2] * feature.shape[-1] for feature in features]
        return outputs


class TorchvisionOneStage(PixelInput, OTXDetectionModel):
    """A one-stage detector of torchvision.

    Attributes:
        candidates: Number of (box, class) pairs per image that the graph hands to suppression.
    """

    nms_iou = 0.5
    candidates: int = 1000

    def raw_outputs(self, outputs: dict[str, Any], images: Tensor) -> dict[str, Tensor]:
        """The best pairs of box and class, boxes clipped to the image."""
        height, width = images.shape[-2:]
        boxes = clip_boxes_to_image(self.boxes(outputs), (height, width))
        return topk_detections(boxes, self.scores(outputs), self.candidates)

    @abstractmethod
    def boxes(self, outputs: dict[str, Any]) -> Tensor:
        """(B, A, 4) XYXY in pixels of the model's input."""

    @abstractmethod
    def scores(self, outputs: dict[str, Any]) -> Tensor:
        """(B, A, labels) confidences in [0, 1]."""


def targets(batch: DetBatchDataEntity, first_label: int = 0) -> list[dict[str, Tensor]]:
    """The truth as torchvision's losses read it.

    Args:
        batch: Boxes and labels per image.
        first_label: Class index of the first label; 1 where 0 is the background.
    """
    return [
        {"boxes": boxes.as_subclass(Tensor).float(), "labels": labels + first_label}
        for boxes, labels in zip(batch.bboxes, batch.labels, strict=True)
    ]


def rows_per_anchor(labels: int, anchors: int, background: int = 0) -> Tensor:
    """(labels, anchors) output channels of a head that lists all classes of the first anchor, then of the second, ...

    Args:
        labels: Number of labels.
        anchors: Number of anchors per location.
        background: Number of classes that stand before the labels.
    """
    starts = torch.arange(anchors) * (labels + background) + background
    return torch.arange(labels).unsqueeze(1) + starts.unsqueeze(0)
