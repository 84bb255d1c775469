"""Accuracy and F1 of an action classifier by video, and its accuracy by clip."""

from __future__ import annotations

from otx.core.metric import MetricResult
from otx.tasks.action_classification.entity import ActionClsBatchPredEntity
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity
from otx.tasks.multi_class_classification.metric import MultiClassClsMetric


class ActionClsMetric(MultiClassClsMetric):
    """All that a classifier of images is measured by, of videos; and `clip_accuracy`, of single clips."""

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self._clips = self._clip_hits = 0

    def update(self, prediction: MultiClassClsBatchPredEntity, truth: MultiClassClsBatchDataEntity) -> None:
        """Add a batch."""
        super().update(prediction, truth)
        assert isinstance(prediction, ActionClsBatchPredEntity)
        best = prediction.clip_scores.argmax(dim=2).cpu()
        self._clips += best.numel()
        self._clip_hits += int((best == truth.labels.cpu().unsqueeze(1)).sum())

    def compute(self) -> MetricResult:
        """Figures over all batches; zero where there were none."""
        found = super().compute()
        values = found.values | {"clip_accuracy": self._clip_hits / max(self._clips, 1)}
        return MetricResult(values, found.per_class, found.curves)
