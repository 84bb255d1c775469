"""Average precision of rotated boxes, by COCO's rules and the exact overlap of polygons, and the best F1."""

from __future__ import annotations

from torch import Tensor

from otx.core.average_precision import ObjectMetric
from otx.core.frames import to_original
from otx.core.rotated_boxes import overlaps
from otx.tasks.rotated_detection.entity import RotatedDetBatchDataEntity, RotatedDetBatchPredEntity


class RotatedDetMetric(ObjectMetric):
    """Mean average precision over IoU 0.50 to 0.95 (`map`), at 0.50 and 0.75, and F1 at the best score threshold.

    Boxes are compared in pixels of the original images.
    """

    def update(self, prediction: RotatedDetBatchPredEntity, truth: RotatedDetBatchDataEntity) -> None:
        """Add a batch."""
        for index, info in enumerate(truth.imgs_info):
            corners = truth.corners[index].as_subclass(Tensor).cpu().flatten(1)
            self.found.add(
                overlaps(
                    prediction.corners[index].as_subclass(Tensor).cpu().numpy(),
                    to_original(corners, info, clip=False).reshape(-1, 4, 2).numpy(),
                ),
                prediction.labels[index].cpu().numpy(),
                prediction.scores[index].cpu().numpy(),
                truth.labels[index].cpu().numpy(),
            )
