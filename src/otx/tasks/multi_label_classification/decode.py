"""Raw outputs of a multi-label graph -> scores; the same code for torch, OpenVINO and ONNX.

Raw outputs: `logits` (B, C) before the sigmoid, each counted from the threshold of its label, so that one threshold of
0.5 serves all labels. openvino-model-api, which knows only one threshold, thus finds the same labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from otx.core.image_info import ImageInfo
from otx.tasks.multi_label_classification.entity import MultiLabelClsBatchPredEntity

THRESHOLD = 0.5


def decode(raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo]) -> MultiLabelClsBatchPredEntity:
    """A score per label, and the labels that reach their threshold.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
    """
    scores = raw["logits"].float().sigmoid()
    return MultiLabelClsBatchPredEntity(
        images=images, imgs_info=list(imgs_info), labels=scores >= THRESHOLD, scores=scores
    )
