"""Accuracy and F1 of a classifier, all from one confusion matrix.

Written out here because torchmetrics takes four seconds of CPU time to import; the tests compare with scikit-learn.
"""

from __future__ import annotations

import torch
from torch import Tensor

from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity

TOP = 5
"""`accuracy_top5` counts a hit among this many best classes, and is reported where there are more."""


class MultiClassClsMetric:
    """Top-1 and top-5 accuracy, macro F1 and figures per class.

    Macro F1 is the mean over classes that occur in the truth or in the predictions.

    Args:
        label_info: Classes in output order.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        self.label_info = label_info
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        classes = len(self.label_info)
        self._confusion = torch.zeros(classes, classes, dtype=torch.int64)  # rows: truth, columns: prediction
        self._hits_top5 = 0

    def update(self, prediction: MultiClassClsBatchPredEntity, truth: MultiClassClsBatchDataEntity) -> None:
        """Add a batch."""
        classes = len(self.label_info)
        labels = truth.labels.cpu()
        cells = labels * classes + prediction.labels.cpu()
        self._confusion += torch.bincount(cells, minlength=classes**2).view(classes, classes)
        if classes > TOP:
            best = prediction.scores.cpu().topk(TOP, dim=1).indices
            self._hits_top5 += int((best == labels.unsqueeze(1)).any(dim=1).sum())

    def compute(self) -> MetricResult:
        """Figures over all batches; zero where there were none."""
        matrix = self._confusion
        hits, truths, predicted = matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)
        precision, recall = _ratio(hits, predicted), _ratio(hits, truths)
        f1 = _ratio(2 * hits, truths + predicted)
        occurs = truths + predicted > 0

        total = max(int(matrix.sum()), 1)
        values = {"accuracy": int(hits.sum()) / total}
        if len(self.label_info) > TOP:
            values["accuracy_top5"] = self._hits_top5 / total
        values["f1"] = float(f1[occurs].mean()) if occurs.any() else 0.0

        per_class = {
            name: {
                "accuracy": float(recall[index]),
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
            }
            for index, name in enumerate(self.label_info.names)
            if occurs[index]
        }
        return MetricResult(values, per_class, {"confusion_matrix": matrix.tolist()})


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return part / whole.clamp_min(1)
