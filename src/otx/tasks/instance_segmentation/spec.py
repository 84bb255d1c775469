"""The row that makes instance segmentation a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets of whose objects most have an outline."""
    outlines = evidence.count("polygon", "mask", "ellipse")
    boxes = evidence.count("bbox")
    if not outlines:
        return None
    reason = f"{outlines} outlines of objects in {evidence.items} images"
    if outlines <= boxes / 2:
        return Claim(0.2, f"{reason}, but {boxes} boxes")
    return Claim(0.95, reason)


SPECS = (
    TaskSpec(
        task=OTXTaskType.INSTANCE_SEGMENTATION,
        title="Instance segmentation",
        package=__package__,
        stem="InstanceSeg",
        plain=".plain:decode",
        merge=".merge:merge",
        saliency=".saliency:MaskSaliency",
        claim=claim,
        finetune="instance_segmentation/finetune",
        metrics=("map", "map_50", "map_75", "f1", "f1_threshold", "bbox_map", "bbox_map_50", "bbox_map_75"),
        formats=("coco", "yolo", "datumaro", "labelme", "cvat"),
        model_api_type="MaskRCNN",
        model_api_background=True,
        default_model="torchvision/maskrcnn_resnet50_fpn_v2",
        default_model_from_scratch="torchvision/maskrcnn_resnet18_slim",
    ),
)
