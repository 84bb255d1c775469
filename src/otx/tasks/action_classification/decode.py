"""Raw outputs of an action classification graph -> probabilities; the same code for torch, OpenVINO and ONNX.

Raw outputs: `logits` (B K, C) before softmax, one row per clip. The videos of a batch have K clips each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from otx.core.image_info import ImageInfo
from otx.tasks.action_classification.entity import ActionClsBatchPredEntity


def decode(raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo]) -> ActionClsBatchPredEntity:
    """Probabilities of each clip, their mean for each video, and its best class.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B K, T, C, H, W) what the graph was fed.
        imgs_info: One per video.
    """
    logits = raw["logits"].float()
    clip_scores = logits.view(len(imgs_info), -1, logits.shape[1]).softmax(dim=2)
    scores = clip_scores.mean(dim=1)
    return ActionClsBatchPredEntity(
        images=images, imgs_info=list(imgs_info), labels=scores.argmax(dim=1), scores=scores, clip_scores=clip_scores
    )
