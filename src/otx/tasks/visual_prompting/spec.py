"""The row that makes visual prompting a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets with outlines, but last of all: who wants to be asked for each object says so (--task)."""
    outlines = evidence.count("polygon", "mask")
    if not outlines:
        return None
    return Claim(0.1, f"{outlines} outlines in {evidence.items} images, each of which can be asked for")


SPECS = (
    TaskSpec(
        task=OTXTaskType.VISUAL_PROMPTING,
        title="Visual prompting",
        package=__package__,
        stem="Prompt",
        sample="otx.tasks.instance_segmentation.entity:InstanceSegDataEntity",
        model=".model:OTXVisualPromptingModel",
        claim=claim,
        finetune="visual_prompting/finetune",
        metrics=("miou", "dice", "miou_box", "miou_point"),
        formats=("coco", "yolo", "datumaro", "labelme", "cvat"),
        model_api_type="",  # openvino-model-api reads SAM as two graphs, an encoder and a decoder; this is one
        default_model="transformers/sam2_hiera_tiny",
        default_model_from_scratch="transformers/edgetam_slim",
        demo="otx.tasks.instance_segmentation.demo:write_demo",
    ),
)
