"""Average precision of boxes by the rules of COCO, and the score threshold with the best F1."""

from __future__ import annotations

from torch import Tensor
from torchvision.ops import box_iou

from otx.core.average_precision import ObjectMetric
from otx.core.frames import to_original
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity


class DetectionMetric(ObjectMetric):
    """Mean average precision over IoU 0.50 to 0.95 (`map`), at 0.50 and 0.75, and F1 at the best score threshold.

    Boxes are compared in pixels of the original images.
    """

    def update(self, prediction: DetBatchPredEntity, truth: DetBatchDataEntity) -> None:
        """Add a batch."""
        for index, info in enumerate(truth.imgs_info):
            true_boxes = to_original(truth.bboxes[index].as_subclass(Tensor).cpu(), info)
            boxes = prediction.bboxes[index].as_subclass(Tensor).cpu()
            self.found.add(
                box_iou(boxes.double(), true_boxes.double()).numpy(),
                prediction.labels[index].cpu().numpy(),
                prediction.scores[index].cpu().numpy(),
                truth.labels[index].cpu().numpy(),
            )
