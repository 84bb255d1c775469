"""What a prediction teaches about an image without boxes."""

from __future__ import annotations

from torch import Tensor
from torchvision import tv_tensors

from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity
from otx.tasks.detection.reader import MIN_SIDE


def pseudo_labels(prediction: DetBatchPredEntity, threshold: float) -> DetBatchDataEntity:
    """The boxes with at least that score, and the images that have one: what is missing may be there unseen."""
    bboxes, labels = [], []
    for boxes, ids, scores in zip(prediction.bboxes, prediction.labels, prediction.scores, strict=True):
        corners = boxes.as_subclass(Tensor)
        sure = (scores >= threshold) & (corners[:, 2:] - corners[:, :2] >= MIN_SIDE).all(dim=1)
        bboxes.append(tv_tensors.wrap(corners[sure], like=boxes))
        labels.append(ids[sure])
    taught = [position for position, ids in enumerate(labels) if len(ids)]
    images, infos = prediction.images, prediction.imgs_info
    return DetBatchDataEntity(images=images, imgs_info=infos, bboxes=bboxes, labels=labels).pick(taught)
