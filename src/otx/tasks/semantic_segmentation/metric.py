"""Intersection over union and its kin, all from one confusion matrix of pixels.

Written out here because torchmetrics takes four seconds of CPU time to import; the tests compare with scikit-learn.
"""

from __future__ import annotations

import torch
from torch import Tensor

from otx.core.masks import IGNORED
from otx.core.metric import LabelMetric, MetricResult, Times, by_label
from otx.tasks.semantic_segmentation.entity import SegBatchDataEntity, SegBatchPredEntity


class SegmentationMetric(LabelMetric):
    """Mean IoU (`miou`), mean Dice and the share of right pixels (`accuracy`), in pixels of the original images.

    Counts are over all images together. Classes that occur neither in the truth nor in the predictions are left out of
    the means and of the figures per class; ignored pixels are left out altogether.
    """

    def reset(self) -> None:
        """Forget all batches."""
        classes = len(self.label_info)
        self._confusion = torch.zeros(classes, classes, dtype=torch.int64)  # rows: truth, columns: prediction
        self._counts: list[Tensor] = []  # of each image: hits, true and predicted pixels by class

    def update(self, prediction: SegBatchPredEntity, truth: SegBatchDataEntity) -> None:
        """Add a batch; its truth must be of the size of the original images, as in evaluation."""
        classes = len(self.label_info)
        for predicted, true in zip(prediction.masks, truth.masks, strict=True):
            true_HW = true.as_subclass(Tensor)
            known_HW = true_HW != IGNORED
            cells = true_HW[known_HW].long() * classes + predicted.as_subclass(Tensor)[known_HW]
            matrix = torch.bincount(cells, minlength=classes**2).view(classes, classes).cpu()
            self._confusion += matrix
            self._counts.append(_counts(matrix))

    @property
    def images(self) -> int:
        """How many were added."""
        return len(self._counts)

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times; zero where there are none."""
        if times_N is None or not self._counts:
            counts = _counts(self._confusion)
        else:
            counts = torch.tensordot(torch.as_tensor(times_N), torch.stack(self._counts), 1)
        hits, truths, predicted = counts
        occurs = truths + predicted > 0
        iou, dice = _ratio(hits, truths + predicted - hits)[occurs], _ratio(2 * hits, truths + predicted)[occurs]
        return {
            "miou": float(iou.mean()) if len(iou) else 0.0,
            "dice": float(dice.mean()) if len(dice) else 0.0,
            "accuracy": int(hits.sum()) / max(int(truths.sum()), 1),
        }

    def compute(self) -> MetricResult:
        """Figures over all batches; zero where there were none."""
        matrix = self._confusion
        hits, truths, predicted = _counts(matrix)
        iou, dice = _ratio(hits, truths + predicted - hits), _ratio(2 * hits, truths + predicted)
        occurs = truths + predicted > 0
        per_class = by_label(self.label_info.names, occurs, iou=iou, dice=dice, accuracy=_ratio(hits, truths))
        return MetricResult(self.values(), per_class, {"confusion_matrix": matrix.tolist()})


def _counts(matrix: Tensor) -> Tensor:
    """Hits, true and predicted pixels by class, in three rows."""
    return torch.stack([matrix.diagonal(), matrix.sum(dim=1), matrix.sum(dim=0)])


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return part / whole.clamp_min(1)
