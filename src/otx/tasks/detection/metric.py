"""Average precision by the rules of COCO, and the score threshold with the best F1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torchvision.ops import box_iou

from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity

MATCH_IOU = 0.5
"""Overlap from which a detection counts as a hit for F1."""
CURVE_POINTS = 200
"""The most points of a curve."""

Floats = npt.NDArray[np.floating[Any]]


class DetectionMetric:
    """Mean average precision over IoU 0.50 to 0.95 (`map`), at 0.50 and 0.75, and F1 at the best score threshold.

    Boxes are compared in pixels of the original images. Classes without a true box are left out of the means and of
    the figures per class; without any true box all figures are 0. F1 counts the objects of all classes together, and
    `f1_threshold` lies half-way between two scores, so that rounding does not flip a decision.

    Args:
        label_info: Classes in output order.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        self.label_info = label_info
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._images = 0
        self._truths: list[dict[str, Any]] = []
        self._detections: list[dict[str, Any]] = []
        self._scores: list[Floats] = []
        self._hits: list[npt.NDArray[np.bool_]] = []

    def update(self, prediction: DetBatchPredEntity, truth: DetBatchDataEntity) -> None:
        """Add a batch."""
        for index, info in enumerate(truth.imgs_info):
            self._images += 1
            true_boxes = to_original(truth.bboxes[index].as_subclass(Tensor).cpu(), info)
            true_labels = truth.labels[index].cpu()
            boxes = prediction.bboxes[index].as_subclass(Tensor).cpu()
            labels, scores = prediction.labels[index].cpu(), prediction.scores[index].cpu()
            self._truths += _coco_boxes(true_boxes, true_labels, self._images, len(self._truths))
            found = _coco_boxes(boxes, labels, self._images, len(self._detections))
            self._detections += [box | {"score": score} for box, score in zip(found, scores.tolist(), strict=True)]
            overlap = box_iou(boxes, true_boxes) * (labels.unsqueeze(1) == true_labels)
            self._scores.append(scores.double().numpy())
            self._hits.append(_hits(overlap.numpy(), scores.numpy()))

    def compute(self) -> MetricResult:
        """Figures over all batches."""
        counts = np.bincount([box["category_id"] for box in self._truths], minlength=len(self.label_info))
        precision_TRC = self._average_precision() if self._truths else np.zeros((10, 101, len(counts)))
        present = [index for index, count in enumerate(counts) if count]
        over_thresholds = precision_TRC[:, :, present].mean(axis=(1, 2)) if present else np.zeros(10)
        values = {
            "map": float(over_thresholds.mean()),
            "map_50": float(over_thresholds[0]),
            "map_75": float(over_thresholds[5]),
        }
        best, by_threshold = _f1_over_thresholds(_joined(self._scores), _joined(self._hits), len(self._truths))
        names = self.label_info.names
        per_class = {
            names[i]: {"ap": float(precision_TRC[:, :, i].mean()), "ap_50": float(precision_TRC[0, :, i].mean())}
            for i in present
        }
        recall = np.linspace(0, 1, 101).round(2).tolist()
        at_50 = {names[i]: {"recall": recall, "precision": _rounded(precision_TRC[0, :, i])} for i in present}
        return MetricResult(values | best, per_class, {"precision_recall": at_50, "f1_by_threshold": by_threshold})

    def _average_precision(self) -> Floats:
        """Precision by (IoU threshold, recall, class) over all object sizes, at most 100 detections per class."""
        from faster_coco_eval import COCO, COCOeval_faster

        frame = {
            "images": [{"id": index + 1} for index in range(self._images)],
            "categories": [{"id": index, "name": name} for index, name in enumerate(self.label_info.names)],
        }
        truth = COCO(frame | {"annotations": self._truths})
        detections = COCO(frame | {"annotations": self._detections})
        evaluation = COCOeval_faster(truth, detections, "bbox")
        evaluation.params.maxDets = [100]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
        precision: Floats = np.asarray(evaluation.eval["precision"])[:, :, :, 0, 0]
        return precision


def _coco_boxes(boxes_N4: Tensor, labels_N: Tensor, image_id: int, first: int) -> list[dict[str, Any]]:
    """Boxes in COCO's form; identifiers start at 1 because 0 means `unmatched` to COCO's code."""
    return [
        {
            "id": first + offset + 1,
            "image_id": image_id,
            "category_id": label,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
        }
        for offset, ((x1, y1, x2, y2), label) in enumerate(
            zip(boxes_N4.double().tolist(), labels_N.tolist(), strict=True)
        )
    ]


def _hits(overlap_DT: Floats, scores_D: Floats) -> npt.NDArray[np.bool_]:
    """Which detections hit: best score first, each takes the free true box of its class that it overlaps most."""
    hits = np.zeros(len(scores_D), dtype=bool)
    free = overlap_DT.copy()
    if free.size == 0:
        return hits
    reaching = overlap_DT.max(axis=1) >= MATCH_IOU
    for detection in np.argsort(-scores_D, kind="stable"):
        if not reaching[detection]:
            continue
        taken = int(free[detection].argmax())
        if free[detection, taken] >= MATCH_IOU:
            hits[detection] = True
            free[:, taken] = 0.0
    return hits


def _f1_over_thresholds(
    scores: Floats, hits: npt.NDArray[np.bool_], truths: int
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The best F1 with its threshold, and the curves of precision, recall and F1 over thresholds."""
    if not truths or not hits.any():
        return {"f1": 0.0, "f1_threshold": 0.5}, {}
    order = np.argsort(-scores, kind="stable")
    scores, kept = scores[order], np.arange(1, len(order) + 1)
    hit_counts = np.cumsum(hits[order])
    last_of_score = np.append(scores[:-1] != scores[1:], True)
    scores, kept, hit_counts = scores[last_of_score], kept[last_of_score], hit_counts[last_of_score]

    f1 = 2 * hit_counts / (kept + truths)
    thresholds = (scores + np.append(scores[1:], 0.0)) / 2
    best = int(f1.argmax())
    points = np.unique(np.linspace(0, len(scores) - 1, CURVE_POINTS).round().astype(int))
    curves = {"threshold": thresholds, "precision": hit_counts / kept, "recall": hit_counts / truths, "f1": f1}
    return (
        {"f1": float(f1[best]), "f1_threshold": float(thresholds[best])},
        {name: _rounded(curve[points]) for name, curve in curves.items()},
    )


def _joined(parts: list[Any]) -> Any:  # noqa: ANN401 - an array of what the parts hold
    return np.concatenate(parts) if parts else np.zeros(0)


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 5) for value in values]
