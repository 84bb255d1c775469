"""Raw outputs of a hierarchical graph -> paths through the tree; the same code for torch, OpenVINO and ONNX.

Raw outputs: `logits` (B, C), first those of the exclusive groups, group by group (a softmax each), then those of the
labels that stand for themselves (a sigmoid each), which is the order that openvino-model-api reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from otx.core.image_info import ImageInfo
from otx.tasks.hierarchical_classification.entity import HLabelClsBatchPredEntity

THRESHOLD = 0.5
"""Score from which a label that stands for itself is predicted."""

Group = Mapping[str, Any]
"""`labels` (class indices), `parent` (the class index above them, -1 at the top) and `exclusive`."""


def decode(
    raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo], *, groups: Sequence[Group]
) -> HLabelClsBatchPredEntity:
    """Scores of all labels, and the path that leads down the tree: a child only below a predicted parent.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
        groups: The tree, parents before their children.
    """
    logits_BC = raw["logits"].float()
    logits_BC = logits_BC[:, torch.tensor(columns(groups), device=logits_BC.device).argsort()]
    scores_BC = torch.zeros_like(logits_BC)
    labels_BC = torch.zeros_like(logits_BC, dtype=torch.bool)
    for group in groups:
        own = group["labels"]
        asked_B1 = labels_BC[:, [group["parent"]]] if group["parent"] >= 0 else True
        if group["exclusive"]:
            scores_BC[:, own] = logits_BC[:, own].softmax(dim=1)
            best_BG = torch.nn.functional.one_hot(logits_BC[:, own].argmax(dim=1), len(own)).bool()
        else:
            scores_BC[:, own] = logits_BC[:, own].sigmoid()
            best_BG = scores_BC[:, own] > THRESHOLD
        labels_BC[:, own] = best_BG & asked_B1
    return HLabelClsBatchPredEntity(images=images, imgs_info=list(imgs_info), labels=labels_BC, scores=scores_BC)


def columns(groups: Sequence[Group]) -> list[int]:
    """Class index of each column of the raw logits."""
    return [label for exclusive in (True, False) for group in groups if group["exclusive"] is exclusive
            for label in group["labels"]]  # fmt: skip
