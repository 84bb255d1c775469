"""Average precision and F1 of a multi-label classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from otx.core.metric import LabelMetric, MetricResult, Times
from otx.tasks.multi_label_classification.entity import MultiLabelClsBatchDataEntity, MultiLabelClsBatchPredEntity

CURVE_POINTS = 200
"""The most points of a curve."""

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]


class MultiLabelClsMetric(LabelMetric):
    """Mean average precision (`map`) and macro F1, as means over the labels that occur in the truth.

    `f1` is that of the predicted labels, `f1_best` that of the best threshold for each label on these very images. Per
    class there are the threshold of the latter too (`f1_threshold`, in terms of the scores), and `ap`. It lies half-way
    between two scores, so that rounding does not flip a decision.
    """

    def reset(self) -> None:
        """Forget all batches."""
        shape = (0, len(self.label_info))
        self._truth: list[Flags] = [np.zeros(shape, np.bool_)]
        self._found: list[Flags] = [np.zeros(shape, np.bool_)]
        self._scores: list[Floats] = [np.zeros(shape)]

    def update(self, prediction: MultiLabelClsBatchPredEntity, truth: MultiLabelClsBatchDataEntity) -> None:
        """Add a batch."""
        self._truth.append(truth.labels.cpu().numpy())
        self._found.append(prediction.labels.cpu().numpy())
        self._scores.append(prediction.scores.cpu().double().numpy())

    @property
    def images(self) -> int:
        """How many were added."""
        return sum(map(len, self._truth))

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times; zero where there are none."""
        return self._figures(times_N).values

    def compute(self) -> MetricResult:
        """Figures over all batches; zero where there were none."""
        return self._figures(None)

    def _figures(self, times_N: Times | None) -> MetricResult:
        chosen = np.repeat(np.arange(self.images), 1 if times_N is None else times_N)
        truth, found = np.concatenate(self._truth)[chosen], np.concatenate(self._found)[chosen]
        scores = np.concatenate(self._scores)[chosen]
        per_class: dict[str, dict[str, float]] = {}
        curves: dict[str, dict[str, list[float]]] = {}
        for index, name in enumerate(self.label_info.names):
            if truth[:, index].any():
                own = {"f1": _f1(truth[:, index], found[:, index])}
                best, curves[name] = _over_thresholds(truth[:, index], scores[:, index])
                per_class[name] = best | own
        values = {"map": _mean(per_class, "ap"), "f1": _mean(per_class, "f1"), "f1_best": _mean(per_class, "f1_best")}
        return MetricResult(values, per_class, {"precision_recall": curves})


def _mean(per_class: dict[str, dict[str, float]], figure: str) -> float:
    return float(np.mean([figures[figure] for figures in per_class.values()])) if per_class else 0.0


def _f1(truth: Flags, found: Flags) -> float:
    return float(2 * (truth & found).sum() / (truth.sum() + found.sum()))


def _over_thresholds(truth: Flags, scores: Floats) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Average precision, the best F1 with its threshold, and precision over recall, of a label that occurs."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(truth, scores)
    average = float(-np.sum(np.diff(recall) * precision[:-1]))
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12))[:-1]
    best = int(f1.argmax())
    below = thresholds[best - 1] if best else 0.0
    points = np.unique(np.linspace(0, len(recall) - 1, CURVE_POINTS).round().astype(int))
    return (
        {"ap": average, "f1_best": float(f1[best]), "f1_threshold": float(thresholds[best] + below) / 2},
        {"recall": recall[points].round(5).tolist(), "precision": precision[points].round(5).tolist()},
    )
