"""The row that makes object detection a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets with boxes; outlines are better served by a task that keeps them."""
    boxes = evidence.count("bbox")
    outlines = evidence.count("polygon", "mask", "rotated_bbox")
    if boxes:
        fit = 0.9 if outlines < boxes else 0.6
        return Claim(fit, f"{boxes} bounding boxes in {evidence.items} images")
    if outlines:
        return Claim(0.3, f"{outlines} outlines in {evidence.items} images, whose bounding boxes can be detected")
    return None


SPECS = (
    TaskSpec(
        task=OTXTaskType.DETECTION,
        title="Object detection",
        package=__package__,
        stem="Det",
        reader=".reader:DetectionReader",
        model=".model:OTXDetectionModel",
        metric=".metric:DetectionMetric",
        plain=".plain:decode",
        pseudo_labels=".pseudo_labels:pseudo_labels",
        merge=".merge:merge",
        saliency="otx.core.saliency:ObjectSaliency",
        claim=claim,
        finetune="detection/finetune",
        metrics=("map", "map_50", "map_75", "f1", "f1_threshold"),
        formats=("coco", "voc", "yolo", "datumaro", "csv", "labelme", "cvat"),
        model_api_type="ssd",
        default_model="transformers/dfine_nano",
        default_model_from_scratch="torchvision/fcos_resnet18_slim",
    ),
)
