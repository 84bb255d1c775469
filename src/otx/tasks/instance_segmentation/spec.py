"""The row that makes instance segmentation a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec

_HERE = "otx.tasks.instance_segmentation"


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
        sample=f"{_HERE}.entity:InstanceSegDataEntity",
        batch=f"{_HERE}.entity:InstanceSegBatchDataEntity",
        prediction=f"{_HERE}.entity:InstanceSegBatchPredEntity",
        reader=f"{_HERE}.reader:InstanceSegReader",
        model=f"{_HERE}.model:OTXInstanceSegModel",
        metric=f"{_HERE}.metric:InstanceSegMetric",
        decode=f"{_HERE}.decode:decode",
        plain=f"{_HERE}.plain:decode",
        merge=f"{_HERE}.merge:merge",
        draw=f"{_HERE}.draw:draw",
        saliency=f"{_HERE}.saliency:MaskSaliency",
        claim=claim,
        recipe="instance_segmentation",
        finetune="instance_segmentation/finetune",
        monitor="map",
        metrics=("map", "map_50", "map_75", "f1", "f1_threshold", "bbox_map", "bbox_map_50", "bbox_map_75"),
        formats=("coco",),
        model_api_type="MaskRCNN",
        model_api_background=True,
        default_model="torchvision/maskrcnn_resnet50_fpn_v2",
        default_model_from_scratch="torchvision/maskrcnn_resnet18_slim",
        demo=f"{_HERE}.demo:write_demo",
    ),
)
