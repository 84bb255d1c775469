"""Average precision of rotated boxes, by COCO's rules and the exact overlap of polygons, and the best F1."""

from __future__ import annotations

from torch import Tensor

from otx.core.average_precision import AveragePrecision, figures
from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult, Times
from otx.core.rotated_boxes import overlaps
from otx.tasks.rotated_detection.entity import RotatedDetBatchDataEntity, RotatedDetBatchPredEntity


class RotatedDetMetric:
    """Mean average precision over IoU 0.50 to 0.95 (`map`), at 0.50 and 0.75, and F1 at the best score threshold.

    Boxes are compared in pixels of the original images.

    Args:
        label_info: Classes in output order.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        self.label_info = label_info
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._boxes = AveragePrecision(self.label_info)

    def update(self, prediction: RotatedDetBatchPredEntity, truth: RotatedDetBatchDataEntity) -> None:
        """Add a batch."""
        for index, info in enumerate(truth.imgs_info):
            corners = truth.corners[index].as_subclass(Tensor).cpu().flatten(1)
            self._boxes.add(
                overlaps(
                    prediction.corners[index].as_subclass(Tensor).cpu().numpy(),
                    to_original(corners, info, clip=False).reshape(-1, 4, 2).numpy(),
                ),
                prediction.labels[index].cpu().numpy(),
                prediction.scores[index].cpu().numpy(),
                truth.labels[index].cpu().numpy(),
            )

    @property
    def images(self) -> int:
        """How many were added."""
        return self._boxes.images

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times."""
        return self._boxes.values(times_N)

    def compute(self) -> MetricResult:
        """Figures over all batches."""
        return figures(self._boxes)
