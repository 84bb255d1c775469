"""The rows that make anomaly classification, detection and segmentation tasks of OTX. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from otx.core.evidence import Claim, Evidence
from otx.core.task import OTXTaskType, TaskSpec

_IMAGE_METRICS = ("image_auroc", "image_f1")
_PIXEL_METRICS = ("pixel_auroc", "pixel_f1")
_FOUND = ("image_threshold", "pixel_threshold", "score_range")
CLASSIFICATION = (*_IMAGE_METRICS, "image_threshold", "score_range")
SEGMENTATION = (*_PIXEL_METRICS, "pro", *_IMAGE_METRICS, *_FOUND)
DETECTION = ("pro", *_PIXEL_METRICS, *_IMAGE_METRICS, *_FOUND)
"""The metrics of each task, the one that is watched first."""


def _claim(with_masks: float, without: float) -> Callable[[Evidence], Claim | None]:
    """A claim to folders of normal images and of others, by whether there are masks of the defects."""

    def claim(evidence: Evidence) -> Claim | None:
        masks = evidence.count("mask")
        fit = with_masks if masks else without
        if evidence.format != "mvtec" or not fit:
            return None
        return Claim(fit, f"{evidence.items} images, normal ones only for training, {masks or 'no'} masks of defects")

    return claim


_CLASSIFICATION = TaskSpec(
    task=OTXTaskType.ANOMALY_CLASSIFICATION,
    title="Anomaly classification",
    package=__package__,
    stem="Anomaly",
    metric=".metric:AnomalyClassificationMetric",
    plain=".plain:decode",
    saliency=".saliency:AnomalySaliency",
    claim=_claim(with_masks=0.5, without=0.98),
    metrics=CLASSIFICATION,
    formats=("mvtec",),
    model_api_type="AnomalyDetection",
    model_api={
        "task": "classification",
        "image_threshold": "{image_threshold}",
        "pixel_threshold": "{pixel_threshold}",
        "normalization_scale": "{normalization_scale}",
    },
    default_model="anomalib/padim_resnet18",
    default_model_from_scratch="anomalib/padim_random",
)

SPECS = (
    _CLASSIFICATION,
    replace(
        _CLASSIFICATION,
        task=OTXTaskType.ANOMALY_SEGMENTATION,
        title="Anomaly segmentation",
        metric=".metric:AnomalySegmentationMetric",
        claim=_claim(with_masks=0.98, without=0.0),
        monitor="pixel_auroc",
        metrics=SEGMENTATION,
        model_api=dict(_CLASSIFICATION.model_api) | {"task": "segmentation"},
    ),
    replace(
        _CLASSIFICATION,
        task=OTXTaskType.ANOMALY_DETECTION,
        title="Anomaly detection",
        batch=".entity:AnomalyDetBatchDataEntity",
        prediction=".entity:AnomalyDetBatchPredEntity",
        metric=".metric:AnomalyDetectionMetric",
        decode=".decode:decode_boxes",
        plain=".plain:decode_boxes",
        claim=_claim(with_masks=0.4, without=0.0),
        monitor="pro",
        metrics=DETECTION,
        model_api=dict(_CLASSIFICATION.model_api) | {"task": "detection"},
    ),
)
