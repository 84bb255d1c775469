"""What a prediction teaches about an image without a label."""

from __future__ import annotations

from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity


def pseudo_labels(prediction: MultiClassClsBatchPredEntity, threshold: float) -> MultiClassClsBatchDataEntity:
    """The images whose best class has at least that probability, with it for their label."""
    images, infos, labels = prediction.images, prediction.imgs_info, prediction.labels
    sure = (prediction.scores.amax(dim=1) >= threshold).nonzero().flatten().tolist()
    return MultiClassClsBatchDataEntity(images=images, imgs_info=infos, labels=labels).pick(sure)
