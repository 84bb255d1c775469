"""Average precision of masks and boxes by the rules of COCO, and the score threshold with the best F1."""

from __future__ import annotations

from torch import Tensor
from torchvision.ops import box_iou

from otx.core.average_precision import AveragePrecision, ObjectMetric, by_class, means
from otx.core.frames import to_original
from otx.core.masks import overlaps
from otx.core.metric import MetricResult, Times
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity, InstanceSegBatchPredEntity


class InstanceSegMetric(ObjectMetric):
    """`map` over mask IoU 0.50 to 0.95, at 0.50 and 0.75, the same of boxes, and F1 of masks at the best threshold.

    Masks are compared in pixels of the original images, with the outlines as they were annotated.
    """

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        self._boxes = AveragePrecision(self.label_info)

    def update(self, prediction: InstanceSegBatchPredEntity, truth: InstanceSegBatchDataEntity) -> None:
        """Add a batch."""
        for index, info in enumerate(truth.imgs_info):
            boxes = prediction.bboxes[index].as_subclass(Tensor).cpu().double()
            true_boxes = to_original(truth.bboxes[index].as_subclass(Tensor).cpu(), info).double()
            found = prediction.labels[index].cpu().numpy(), prediction.scores[index].cpu().numpy()
            labels = truth.labels[index].cpu().numpy()
            self.found.add(overlaps(prediction.rles[index], truth.rles[index]), *found, labels)
            self._boxes.add(box_iou(boxes, true_boxes).numpy(), *found, labels)

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times."""
        boxes = means(self._boxes.precision(times_N), self._boxes.present(times_N), "bbox_")
        return super().values(times_N) | boxes

    def compute(self) -> MetricResult:
        """Figures over all batches."""
        found = super().compute()
        for name, values in by_class(self._boxes.precision(), self._boxes.present(), self.label_info.names).items():
            found.per_class[name] |= {f"bbox_{key}": value for key, value in values.items()}
        return found
