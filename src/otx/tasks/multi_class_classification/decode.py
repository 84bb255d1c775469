"""Raw outputs of a classification graph -> probabilities; the same code for torch, OpenVINO and ONNX.

Raw outputs: `logits` (B, C) before softmax. openvino-model-api's `Classification` applies softmax itself to outputs
that do not look like probabilities, so its confidences are the same as ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from otx.core.image_info import ImageInfo
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchPredEntity


def decode(raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo]) -> MultiClassClsBatchPredEntity:
    """Probabilities and the best class of each image.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
    """
    scores = raw["logits"].float().softmax(dim=1)
    labels = scores.argmax(dim=1)
    return MultiClassClsBatchPredEntity(images=images, imgs_info=list(imgs_info), labels=labels, scores=scores)
