"""The row that makes rotated detection a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets with rotated boxes, or whose polygons are rectangles that stand at an angle."""
    rotated, polygons = evidence.count("rotated_bbox"), evidence.count("polygon")
    if rotated:
        fit = 0.97 if rotated >= evidence.count("bbox", "polygon", "mask") / 2 else 0.3
        return Claim(fit, f"{rotated} rotated boxes in {evidence.items} images")
    if evidence.slanted and evidence.rectangles >= 0.9 * polygons:
        reason = f"{evidence.rectangles} of {polygons} polygons are rectangles, {evidence.slanted} of them at an angle"
        return Claim(0.97, f"{reason}, in {evidence.items} images")
    return None


SPECS = (
    TaskSpec(
        task=OTXTaskType.ROTATED_DETECTION,
        title="Rotated object detection",
        package=__package__,
        stem="RotatedDet",
        merge=".merge:merge",
        saliency="otx.core.saliency:ObjectSaliency",
        claim=claim,
        finetune="rotated_detection/finetune",
        metrics=("map", "map_50", "map_75", "f1", "f1_threshold"),
        formats=("dota", "yolo", "coco", "datumaro", "labelme", "cvat"),
        # That package has no type for rotated boxes; it gives the masks that they are read from.
        model_api_type="MaskRCNN",
        model_api_background=True,
        default_model="torchvision/rotated_maskrcnn_resnet50_fpn_v2",
        default_model_from_scratch="torchvision/rotated_maskrcnn_resnet18_slim",
    ),
)
