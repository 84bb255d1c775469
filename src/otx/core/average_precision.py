"""Average precision by the rules of COCO, and the score threshold with the best F1, from overlaps of any kind.

Tasks whose predictions are objects differ in what overlaps: boxes, masks, rotated boxes. Shapes: D detections and
T true objects of one image. Imports no torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult

MATCH_IOU = 0.5
"""Overlap from which a detection counts as a hit for F1."""
CURVE_POINTS = 200
"""The most points of a curve."""
MAX_DETECTIONS = 100
"""The most detections per image and class that COCO looks at; all are where an image has more objects than that."""

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]


class AveragePrecision:
    """Collects overlaps image by image.

    Classes without a true object are left out of the means and of the figures per class; without any true object all
    figures are 0. F1 counts the objects of all classes together, and `f1_threshold` lies half-way between two scores,
    so that rounding does not flip a decision.

    Args:
        label_info: Classes in output order.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        self.names = label_info.names
        self._images = 0
        self._truths: list[dict[str, Any]] = []
        self._detections: list[dict[str, Any]] = []
        self._overlaps: dict[tuple[int, int], Floats] = {}
        self._scores: list[Floats] = []
        self._hits: list[npt.NDArray[np.bool_]] = []

    def add(self, overlap_DT: Floats, labels_D: Ints, scores_D: Floats, labels_T: Ints) -> None:
        """Add an image.

        Args:
            overlap_DT: Intersection over union of each detection with each true object, of whatever class.
            labels_D: Class indices of the detections.
            scores_D: Their confidences.
            labels_T: Class indices of the true objects.
        """
        self._images += 1
        self._truths += _entries(labels_T, self._images, len(self._truths))
        found = _entries(labels_D, self._images, len(self._detections))
        self._detections += [entry | {"score": score} for entry, score in zip(found, scores_D.tolist(), strict=True)]
        order_D = np.argsort(-scores_D, kind="stable")
        for label in np.intersect1d(labels_D, labels_T).tolist():
            best = order_D[labels_D[order_D] == label]
            overlap = overlap_DT[np.ix_(best, np.flatnonzero(labels_T == label))]
            self._overlaps[self._images, label] = overlap.astype(np.float64)
        self._scores.append(scores_D.astype(np.float64))
        self._hits.append(_hits(overlap_DT * (labels_D[:, None] == labels_T), scores_D))

    def precision(self) -> Floats:
        """Precision by (IoU threshold from 0.50 to 0.95, recall from 0 to 1, class); 0 without any true object."""
        if not self._truths:
            return np.zeros((10, 101, len(self.names)))
        from faster_coco_eval import COCO, COCOeval_faster

        frame = {
            "images": [{"id": index + 1} for index in range(self._images)],
            "categories": [{"id": index, "name": name} for index, name in enumerate(self.names)],
        }
        truth = COCO(frame | {"annotations": self._truths})
        detections = COCO(frame | {"annotations": self._detections})
        objects = Counter((entry["image_id"], entry["category_id"]) for entry in self._truths)
        most = MAX_DETECTIONS if max(objects.values()) <= MAX_DETECTIONS else max(1, len(self._detections))
        evaluation = COCOeval_faster(truth, detections, "bbox")
        evaluation.computeIoU = lambda image, label: self._overlaps[image, label][:most]
        evaluation.params.maxDets = [most]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
        precision: Floats = np.asarray(evaluation.eval["precision"])[:, :, :, 0, 0]
        return precision

    def present(self) -> list[int]:
        """Classes with a true object."""
        return sorted({entry["category_id"] for entry in self._truths})

    def best_f1(self) -> tuple[dict[str, float], dict[str, list[float]]]:
        """`f1` and `f1_threshold`, and the curves of precision, recall and F1 over thresholds."""
        return _f1_over_thresholds(_joined(self._scores), _joined(self._hits), len(self._truths))


def figures(found: AveragePrecision, more: Mapping[str, float] | None = None) -> MetricResult:
    """All that there is to say of one kind of overlap, and the means of another."""
    precision, present, names = found.precision(), found.present(), found.names
    best, by_threshold = found.best_f1()
    curves = {"precision_recall": recall_curves(precision, present, names), "f1_by_threshold": by_threshold}
    return MetricResult(
        means(precision, present) | dict(more or {}) | best, by_class(precision, present, names), curves
    )


def means(precision_TRC: Floats, present: list[int], prefix: str = "") -> dict[str, float]:
    """`map` (over all IoU thresholds), `map_50` and `map_75` over the classes with a true object."""
    over_thresholds = precision_TRC[:, :, present].mean(axis=(1, 2)) if present else np.zeros(10)
    values = {"map": over_thresholds.mean(), "map_50": over_thresholds[0], "map_75": over_thresholds[5]}
    return {prefix + name: float(value) for name, value in values.items()}


def by_class(precision_TRC: Floats, present: list[int], names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """`ap` and `ap_50` of each class with a true object."""
    return {
        names[i]: {"ap": float(precision_TRC[:, :, i].mean()), "ap_50": float(precision_TRC[0, :, i].mean())}
        for i in present
    }


def recall_curves(precision_TRC: Floats, present: list[int], names: tuple[str, ...]) -> dict[str, Any]:
    """Precision over recall at IoU 0.50, by class."""
    recall = np.linspace(0, 1, 101).round(2).tolist()
    return {names[i]: {"recall": recall, "precision": _rounded(precision_TRC[0, :, i])} for i in present}


def _entries(labels: Ints, image: int, first: int) -> list[dict[str, Any]]:
    """Objects in COCO's form; identifiers start at 1 because 0 means `unmatched` to COCO's code."""
    return [
        {"id": first + offset, "image_id": image, "category_id": label, "area": 1.0, "iscrowd": 0}
        for offset, label in enumerate(labels.tolist(), start=1)
    ]


def _hits(overlap_DT: Floats, scores_D: Floats) -> npt.NDArray[np.bool_]:
    """Which detections hit: best score first, each takes the free true object of its class that it overlaps most."""
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
