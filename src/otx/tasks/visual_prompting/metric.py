"""How well the masks cover the objects that were asked for."""

from __future__ import annotations

import numpy as np

from otx.core.masks import overlaps
from otx.core.metric import LabelMetric, MetricResult, Times
from otx.tasks.visual_prompting.entity import TOP_LEFT, PromptBatchDataEntity, PromptBatchPredEntity


class PromptMetric(LabelMetric):
    """Mean overlap of an object with the mask that its prompt gave: IoU (`miou`) and Dice (`dice`).

    Objects count alike, whatever their class and size; `miou_box` and `miou_point` are over those that were asked for
    by a box or by a point. Masks are compared in pixels of the original images. Without any object all figures are 0.
    """

    def reset(self) -> None:
        """Forget all batches."""
        self.images = 0
        self._ious: list[float] = []
        self._images: list[int] = []  # of each object
        self._labels: list[int] = []
        self._by_box: list[bool] = []

    def update(self, prediction: PromptBatchPredEntity, truth: PromptBatchDataEntity) -> None:
        """Add a batch; an image without objects was not asked anything, and is left out."""
        for masks, asked, true_masks, labels in zip(
            prediction.rles, prediction.asked, truth.rles, truth.labels, strict=True
        ):
            if len(labels):
                self._ious += [float(overlaps([a], [b])[0, 0]) for a, b in zip(masks, true_masks, strict=True)]
                self._labels += labels.tolist()
                self._by_box += (asked[:, 0, 2] == TOP_LEFT).tolist()
                self._images += [self.images] * len(labels)
            self.images += 1

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times."""
        ious, by_box = np.array(self._ious), np.array(self._by_box, bool)
        if times_N is not None:
            times = times_N[np.array(self._images, int)]
            ious, by_box = np.repeat(ious, times), np.repeat(by_box, times)
        return {
            "miou": _mean(ious),
            "dice": _mean(2 * ious / (1 + ious)),
            "miou_box": _mean(ious[by_box]),
            "miou_point": _mean(ious[~by_box]),
        }

    def compute(self) -> MetricResult:
        """Figures over all batches."""
        ious, labels = np.array(self._ious), np.array(self._labels, int)
        dices = 2 * ious / (1 + ious)
        per_class = {
            name: {"iou": _mean(ious[labels == i]), "dice": _mean(dices[labels == i])}
            for i, name in enumerate(self.label_info.names)
            if (labels == i).any()
        }
        return MetricResult(self.values(), per_class)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
