"""The row that makes action classification a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets of videos with exactly one label each."""
    labels = evidence.count("label")
    if not evidence.videos or not labels or evidence.max_image_labels != 1:
        return None
    return Claim(0.95, f"one label for each of {labels} videos")


SPECS = (
    TaskSpec(
        task=OTXTaskType.ACTION_CLASSIFICATION,
        title="Action classification",
        package=__package__,
        stem="ActionCls",
        claim=claim,
        finetune="action_classification/finetune",
        metrics=("accuracy", "accuracy_top5", "f1", "clip_accuracy"),
        formats=("kinetics", "video_folders"),
        # The package's `Action Classification` wants six dimensions, with one for clips that must be 1.
        model_api_type="",
        default_model="torchvision/mc3_18",
        default_model_from_scratch="torchvision/mc3_10_slim",
    ),
)
