"""Accuracy and F1 of a classifier, all from one confusion matrix.

Written out here because torchmetrics takes four seconds of CPU time to import; the tests compare with scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from otx.core.metric import LabelMetric, MetricResult, Times, by_label
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity

TOP = 5
"""`accuracy_top5` counts a hit among this many best classes, and is reported where there are more."""

Ints = npt.NDArray[np.integer[Any]]


class MultiClassClsMetric(LabelMetric):
    """Top-1 and top-5 accuracy, macro F1 and figures per class.

    Macro F1 is the mean over classes that occur in the truth or in the predictions.
    """

    def reset(self) -> None:
        """Forget all batches."""
        self._cells: list[int] = []  # of each image, in the confusion matrix
        self._hits_top5: list[bool] = []

    def update(self, prediction: MultiClassClsBatchPredEntity, truth: MultiClassClsBatchDataEntity) -> None:
        """Add a batch."""
        classes = len(self.label_info)
        labels = truth.labels.cpu()
        self._cells += (labels * classes + prediction.labels.cpu()).tolist()
        if classes > TOP:
            best = prediction.scores.cpu().topk(TOP, dim=1).indices
            self._hits_top5 += (best == labels.unsqueeze(1)).any(dim=1).tolist()

    @property
    def images(self) -> int:
        """How many were added."""
        return len(self._cells)

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times; zero where there are none."""
        hits, truths, predicted = _counts(self._confusion(times_N))
        occurs = truths + predicted > 0
        f1 = _ratio(2 * hits, truths + predicted)
        total = max(int(truths.sum()), 1)
        values = {"accuracy": int(hits.sum()) / total}
        if len(self.label_info) > TOP:
            values["accuracy_top5"] = float(np.dot(self._hits_top5, self._times(times_N))) / total
        return values | {"f1": float(f1[occurs].mean()) if occurs.any() else 0.0}

    def _times(self, times_N: Times | None) -> Times:
        return np.ones(self.images, int) if times_N is None else times_N

    def _confusion(self, times_N: Times | None = None) -> Ints:
        """Rows: truth, columns: prediction."""
        classes = len(self.label_info)
        cells = np.array(self._cells, int)
        counts = np.bincount(cells, weights=self._times(times_N), minlength=classes**2)
        return counts.astype(int).reshape(classes, classes)

    def compute(self) -> MetricResult:
        """Figures over all batches; zero where there were none."""
        matrix = self._confusion()
        hits, truths, predicted = _counts(matrix)
        precision, recall, f1 = _ratio(hits, predicted), _ratio(hits, truths), _ratio(2 * hits, truths + predicted)
        figures = {"accuracy": recall, "precision": precision, "recall": recall, "f1": f1}
        per_class = by_label(self.label_info.names, truths + predicted > 0, **figures)
        return MetricResult(self.values(), per_class, {"confusion_matrix": matrix.tolist()})


def _counts(matrix: Ints) -> tuple[Ints, Ints, Ints]:
    """Hits, true objects and predictions by class."""
    return matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)


def _ratio(part: Ints, whole: Ints) -> npt.NDArray[np.float64]:
    return np.asarray(part / np.maximum(whole, 1))
