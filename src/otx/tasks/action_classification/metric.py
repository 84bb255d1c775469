"""Accuracy and F1 of an action classifier by video, and its accuracy by clip."""

from __future__ import annotations

import numpy as np

from otx.core.metric import Times
from otx.tasks.action_classification.entity import ActionClsBatchPredEntity
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity
from otx.tasks.multi_class_classification.metric import MultiClassClsMetric


class ActionClsMetric(MultiClassClsMetric):
    """All that a classifier of images is measured by, of videos; and `clip_accuracy`, of single clips."""

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self._clip_hits: list[float] = []  # of each video, the share

    def update(self, prediction: MultiClassClsBatchPredEntity, truth: MultiClassClsBatchDataEntity) -> None:
        """Add a batch."""
        super().update(prediction, truth)
        assert isinstance(prediction, ActionClsBatchPredEntity)
        best = prediction.clip_scores.argmax(dim=2).cpu()
        self._clip_hits += (best == truth.labels.cpu().unsqueeze(1)).double().mean(dim=1).tolist()

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the videos, each so many times; zero where there are none."""
        times = self._times(times_N)
        hits = float(np.dot(self._clip_hits, times)) / max(int(times.sum()), 1)
        return super().values(times_N) | {"clip_accuracy": hits}
