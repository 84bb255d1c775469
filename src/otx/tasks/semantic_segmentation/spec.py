"""The row that makes semantic segmentation a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


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
        package=__package__,
        stem="Seg",
        reader=".reader:SegmentationReader",
        model=".model:OTXSegmentationModel",
        metric=".metric:SegmentationMetric",
        plain=".plain:decode",
        merge=".merge:merge",
        saliency=".saliency:RegionSaliency",
        claim=claim,
        finetune="semantic_segmentation/finetune",
        metrics=("miou", "dice", "accuracy"),
        formats=("mask_folders", "cityscapes", "voc_segmentation", "coco", "yolo", "datumaro", "labelme", "cvat"),
        model_api_type="Segmentation",
        default_model="smp/unet_mobilenetv4_conv_small",
        default_model_from_scratch="smp/fpn_resnet18_slim",
    ),
)
