"""The row that makes multi-label classification a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets whose labels do not exclude each other: images have several, or each label is a group of its own.

    Where objects are located a task that finds them fits better; the labels of the objects are taken on demand.
    """
    labels = evidence.count("label")
    if not labels or evidence.parents or evidence.count("bbox", "rotated_bbox", "polygon", "mask", "points"):
        return None
    if evidence.max_image_labels > 1:
        return Claim(0.8, f"{labels} labels for {evidence.items} images, up to {evidence.max_image_labels} for one")
    if len(evidence.label_groups) > 1 and max(evidence.label_groups) == 1:
        return Claim(0.9, f"{labels} labels for {evidence.items} images, each label a group of its own")
    return None


SPECS = (
    TaskSpec(
        task=OTXTaskType.MULTI_LABEL_CLS,
        title="Multi-label classification",
        package=__package__,
        stem="MultiLabelCls",
        plain=".plain:decode",
        saliency="otx.core.saliency:LabelSaliency",
        claim=claim,
        finetune="multi_label_classification/finetune",
        metrics=("map", "f1", "f1_best"),
        formats=("datumaro", "csv", "coco", "voc", "yolo", "labelme", "cvat"),
        model_api_type="Classification",
        model_api={"multilabel": "True"},
        default_model="timm/mobilenetv4_conv_small",
        default_model_from_scratch="timm/resnet10t",
    ),
)
