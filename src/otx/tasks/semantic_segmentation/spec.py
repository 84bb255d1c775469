"""The row that makes semantic segmentation a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec

_HERE = "otx.tasks.semantic_segmentation"


def claim(evidence: Evidence) -> Claim | None:
    """Data sets whose masks say what a pixel shows, and not which object; outlines of objects have to be asked for."""
    masks = evidence.count("class_mask")
    if not masks:
        return None
    return Claim(0.9, f"{masks} masks of a class in {evidence.items} images")


SPECS = (
    TaskSpec(
        task=OTXTaskType.SEMANTIC_SEGMENTATION,
        title="Semantic segmentation",
        sample=f"{_HERE}.entity:SegDataEntity",
        batch=f"{_HERE}.entity:SegBatchDataEntity",
        prediction=f"{_HERE}.entity:SegBatchPredEntity",
        reader=f"{_HERE}.reader:SegmentationReader",
        model=f"{_HERE}.model:OTXSegmentationModel",
        metric=f"{_HERE}.metric:SegmentationMetric",
        decode=f"{_HERE}.decode:decode",
        plain=f"{_HERE}.plain:decode",
        merge=f"{_HERE}.merge:merge",
        draw=f"{_HERE}.draw:draw",
        saliency=f"{_HERE}.saliency:RegionSaliency",
        claim=claim,
        recipe="semantic_segmentation",
        finetune="semantic_segmentation/finetune",
        monitor="miou",
        metrics=("miou", "dice", "accuracy"),
        formats=("mask_folders", "cityscapes", "voc_segmentation", "coco"),
        model_api_type="Segmentation",
        default_model="smp/unet_mobilenetv4_conv_small",
        default_model_from_scratch="smp/fpn_resnet18_slim",
        demo=f"{_HERE}.demo:write_demo",
    ),
)
