"""The row that makes keypoint detection a task of OTX. Imports no torch.

The keypoint model of openvino-model-api reads SimCC vectors of a single object per image, which no model here gives, so
it has no type for this task: the exported file is read by OTX, or by plain OpenVINO as `docs/exported-model.md` says.
"""

from __future__ import annotations

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec


def claim(evidence: Evidence) -> Claim | None:
    """Data sets of whose objects most have points; who marks them wants them to be found."""
    points, boxes = evidence.count("points"), evidence.count("bbox")
    if not points:
        return None
    reason = f"{points} objects with keypoints in {evidence.items} images"
    if points < boxes / 2:
        return Claim(0.3, f"{reason}, but {boxes} boxes")
    return Claim(0.97, reason)


SPECS = (
    TaskSpec(
        task=OTXTaskType.KEYPOINT_DETECTION,
        title="Keypoint detection",
        package=__package__,
        stem="Keypoint",
        claim=claim,
        finetune="keypoint_detection/finetune",
        metrics=("oks_map", "oks_map_50", "oks_map_75", "f1", "f1_threshold", "pck", "pck_10"),
        formats=("coco", "yolo", "datumaro", "cvat"),
        model_api_type="",
        default_model="torchvision/keypointrcnn_resnet50_fpn",
        default_model_from_scratch="torchvision/keypointrcnn_resnet18_slim",
    ),
)
