"""The row that makes multi-class classification a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets with exactly one label per image and nothing inside the images."""
    labels = evidence.count("label")
    located = evidence.count("bbox", "rotated_bbox", "polygon", "mask", "points")
    if not labels or located or evidence.videos or evidence.max_image_labels != 1:
        return None
    missing = f", {evidence.unlabelled} without" if evidence.unlabelled else ""
    return Claim(0.8, f"one label for each of {labels} images{missing}")


SPECS = (
    TaskSpec(
        task=OTXTaskType.MULTI_CLASS_CLS,
        title="Multi-class classification",
        package=__package__,
        stem="MultiClassCls",
        plain=".plain:decode",
        pseudo_labels=".pseudo_labels:pseudo_labels",
        saliency="otx.core.saliency:LabelSaliency",
        claim=claim,
        finetune="multi_class_classification/finetune",
        metrics=("accuracy", "accuracy_top5", "f1"),
        formats=("imagenet", "datumaro", "csv", "labelme", "cvat"),
        model_api_type="Classification",
        default_model="timm/mobilenetv4_conv_small",
        default_model_from_scratch="timm/resnet10t",
    ),
)
