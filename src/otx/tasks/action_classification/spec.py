"""The row that makes action classification a task of OTX. Imports no torch."""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec

_HERE = "otx.tasks.action_classification"


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
        sample=f"{_HERE}.entity:ActionClsDataEntity",
        batch=f"{_HERE}.entity:ActionClsBatchDataEntity",
        prediction=f"{_HERE}.entity:ActionClsBatchPredEntity",
        reader=f"{_HERE}.reader:ActionClsReader",
        model=f"{_HERE}.model:OTXActionClsModel",
        metric=f"{_HERE}.metric:ActionClsMetric",
        decode=f"{_HERE}.decode:decode",
        draw=f"{_HERE}.draw:draw",
        claim=claim,
        recipe="action_classification",
        finetune="action_classification/finetune",
        monitor="accuracy",
        metrics=("accuracy", "accuracy_top5", "f1", "clip_accuracy"),
        formats=("kinetics", "video_folders"),
        # The package's `Action Classification` wants six dimensions, with one for clips that must be 1.
        model_api_type="",
        default_model="torchvision/mc3_18",
        default_model_from_scratch="torchvision/mc3_10_slim",
        demo=f"{_HERE}.demo:write_demo",
    ),
)
