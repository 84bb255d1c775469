"""Average precision by the rules of COCO, and the score threshold with the best F1, from overlaps of any kind.

Tasks whose predictions are objects differ in what overlaps: boxes, masks, rotated boxes. Shapes: D detections and
T true objects of one image. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from otx.core.label_info import LabelInfo
from otx.core.metric import LabelMetric, MetricResult, Times

IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MATCH_IOU = 0.5
"""Overlap from which a detection counts as a hit for F1."""
CURVE_POINTS = 200
"""The most points of a curve."""
MAX_DETECTIONS = 100
"""The most detections per image and class that COCO looks at; all are where an image has more objects than that."""

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Matches:
    """All detections, best score first, and what they hit.

    Attributes:
        scores: Confidences.
        images: Which image each is of.
        hits: Whether each hits at each of `IOUS`.
        by_class: Of each class the detections that COCO looks at, as positions among all.
        truths: Of each class the image of each true object.
    """

    scores: Floats
    images: Ints
    hits: npt.NDArray[np.bool_]
    by_class: Sequence[Ints]
    truths: Sequence[Ints]


class AveragePrecision:
    """Collects overlaps image by image.

    Detections are matched image by image as they come, so that figures over any choice of the images cost little.
    Classes without a true object are left out of the means and of the figures per class; without any true object all
    figures are 0. F1 counts the objects of all classes together, and `f1_threshold` lies half-way between two scores,
    so that rounding does not flip a decision. Where `times_N` is asked for, it says how often each image counts; None
    is once.

    Args:
        label_info: Classes in output order.

    Attributes:
        images: Number of images.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        self.names = label_info.names
        self.images = 0
        self._truths: list[Ints] = []
        self._found: list[tuple[Ints, Floats, Ints, npt.NDArray[np.bool_]]] = []
        self._matches: Matches | None = None

    def add(self, overlap_DT: Floats, labels_D: Ints, scores_D: Floats, labels_T: Ints) -> None:
        """Add an image.

        Args:
            overlap_DT: Intersection over union of each detection with each true object, of whatever class.
            labels_D: Class indices of the detections.
            scores_D: Their confidences.
            labels_T: Class indices of the true objects.
        """
        order_D = np.argsort(-scores_D, kind="stable")
        labels_D, scores_D = labels_D[order_D].astype(int), scores_D[order_D].astype(np.float64)
        ranks_D = np.zeros(len(labels_D), int)
        for label in np.unique(labels_D):
            ranks_D[labels_D == label] = np.arange((labels_D == label).sum())
        overlap = overlap_DT[order_D].astype(np.float64) * (labels_D[:, None] == labels_T)
        self._found.append((labels_D, scores_D, ranks_D, _hits(overlap)))
        self._truths.append(labels_T.astype(int))
        self.images += 1
        self._matches = None

    def matches(self) -> Matches:
        """What has been added so far."""
        if self._matches is None:
            labels, scores, ranks = (_joined([found[part] for found in self._found]) for part in range(3))
            order = np.argsort(-scores, kind="stable")
            truths = _joined(self._truths)
            images = np.repeat(np.arange(self.images), [len(found[0]) for found in self._found])[order]
            truth_images = np.repeat(np.arange(self.images), [len(labels) for labels in self._truths])
            objects = [np.bincount(labels).max(initial=0) for labels in self._truths]
            seen = (ranks < MAX_DETECTIONS) | (max(objects, default=0) > MAX_DETECTIONS)
            hits = np.concatenate([np.zeros((len(IOUS), 0), bool), *(found[3] for found in self._found)], axis=1)
            classes = range(len(self.names))
            by_class = [np.flatnonzero((labels == label)[order] & seen[order]) for label in classes]
            own = [truth_images[truths == label] for label in classes]
            self._matches = Matches(scores[order], images, hits[:, order], by_class, own)
        return self._matches

    def precision(self, times_N: Times | None = None) -> Floats:
        """Precision by (IoU threshold from 0.50 to 0.95, recall from 0 to 1, class); 0 without a true object."""
        matches, times = self.matches(), self._times(times_N)
        curves = np.zeros((len(IOUS), len(RECALLS), len(self.names)))
        for label, (chosen, truths) in enumerate(zip(matches.by_class, matches.truths, strict=True)):
            weights, hits_TD = times[matches.images[chosen]], matches.hits[:, chosen]
            # Recall grows, and precision has its peaks, nowhere else.
            steps = np.flatnonzero(hits_TD.any(axis=0) & (weights > 0))
            total = times[truths].sum()
            if not total or not len(steps):
                continue
            hits_TS = np.cumsum(hits_TD[:, steps] * weights[steps], axis=1)
            precision_TS = hits_TS / np.cumsum(weights)[steps]
            best_TS = np.maximum.accumulate(precision_TS[:, ::-1], axis=1)[:, ::-1]
            for row, recall_S in enumerate(hits_TS / total):
                first_R = np.searchsorted(recall_S, RECALLS)
                reached = first_R < len(steps)
                curves[row, reached, label] = best_TS[row, first_R[reached]]
        return curves

    def present(self, times_N: Times | None = None) -> list[int]:
        """Classes with a true object."""
        times = self._times(times_N)
        return [label for label, truths in enumerate(self.matches().truths) if times[truths].any()]

    def best_f1(self, times_N: Times | None = None) -> tuple[dict[str, float], dict[str, list[float]]]:
        """`f1` and `f1_threshold`, and the curves of precision, recall and F1 over thresholds."""
        matches, times = self.matches(), self._times(times_N)
        weights = times[matches.images]
        there = weights > 0
        truths = sum(float(times[own].sum()) for own in matches.truths)
        return _f1_over_thresholds(matches.scores[there], matches.hits[0, there], weights[there], truths)

    def values(self, times_N: Times | None = None, prefix: str = "") -> dict[str, float]:
        """`map`, `map_50`, `map_75` (with a prefix), `f1` and `f1_threshold`."""
        return means(self.precision(times_N), self.present(times_N), prefix) | self.best_f1(times_N)[0]

    def _times(self, times_N: Times | None) -> Floats:
        return np.ones(self.images) if times_N is None else times_N.astype(np.float64)


class ObjectMetric(LabelMetric):
    """What the metrics of tasks have in common whose predictions are objects; `update` of a task adds the overlaps."""

    def reset(self) -> None:
        """Forget all batches."""
        self.found = AveragePrecision(self.label_info)

    @property
    def images(self) -> int:
        """How many were added."""
        return self.found.images

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times."""
        return self.found.values(times_N)

    def compute(self) -> MetricResult:
        """Figures over all batches."""
        found, names = self.found, self.found.names
        precision, present = found.precision(), found.present()
        curves = {"precision_recall": recall_curves(precision, present, names), "f1_by_threshold": found.best_f1()[1]}
        return MetricResult(self.values(), by_class(precision, present, names), curves)


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
    recall = RECALLS.round(2).tolist()
    return {names[i]: {"recall": recall, "precision": _rounded(precision_TRC[0, :, i])} for i in present}


def _hits(overlap_DT: Floats) -> npt.NDArray[np.bool_]:
    """Which detections hit at each of `IOUS`: each takes the free true object that it overlaps most.

    Args:
        overlap_DT: Best score first; 0 between classes.
    """
    detections, truths = overlap_DT.shape
    hits = np.zeros((len(IOUS), detections), bool)
    free = np.ones((len(IOUS), truths), bool)
    for detection in np.flatnonzero(overlap_DT.max(axis=1, initial=0.0) >= MATCH_IOU):
        overlap = np.where(free, overlap_DT[detection], 0.0)
        taken = truths - 1 - overlap[:, ::-1].argmax(axis=1)  # of equals the last, as COCO does
        hit = np.flatnonzero(overlap[np.arange(len(IOUS)), taken] >= IOUS)
        hits[hit, detection] = True
        free[hit, taken[hit]] = False
    return hits


def _f1_over_thresholds(
    scores: Floats, hits: npt.NDArray[np.bool_], weights: Floats, truths: float
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """The best F1 with its threshold, and the curves of precision, recall and F1; scores fall."""
    if not truths or not hits.any():
        return {"f1": 0.0, "f1_threshold": 0.5}, {}
    kept, hit_counts = np.cumsum(weights), np.cumsum(hits * weights)
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
