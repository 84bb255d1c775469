"""Average precision of boxes by the rules of COCO, and the score threshold with the best F1."""

from __future__ import annotations

from torch import Tensor
from torchvision.ops import box_iou

from otx.core.average_precision import AveragePrecision, figures
from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult, Times
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity


class DetectionMetric:
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

    def update(self, prediction: DetBatchPredEntity, truth: DetBatchDataEntity) -> None:
        """Add a batch."""
        for index, info in enumerate(truth.imgs_info):
            true_boxes = to_original(truth.bboxes[index].as_subclass(Tensor).cpu(), info)
            boxes = prediction.bboxes[index].as_subclass(Tensor).cpu()
            self._boxes.add(
                box_iou(boxes.double(), true_boxes.double()).numpy(),
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
