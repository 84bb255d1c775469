"""Raw outputs of a detection graph -> detections; the same code for torch, OpenVINO and ONNX.

Raw outputs, as openvino-model-api's `SSD` reads them too (N is fixed by the graph, order is free):
    boxes   (B, N, 5) XYXY in pixels of the model's input, and a score in [0, 1]
    labels  (B, N) int64 class indices
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import batched_nms

from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.tasks.detection.entity import DetBatchPredEntity


def decode(
    raw: Mapping[str, Tensor],
    images: Tensor,
    imgs_info: Sequence[ImageInfo],
    *,
    nms_iou: float | None,
    max_detections: int,
) -> DetBatchPredEntity:
    """Detections in pixels of the original images, best score first.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
        nms_iou: Overlap above which the weaker of two boxes of a class is dropped; None for no suppression.
        max_detections: The most boxes to keep per image.
    """
    bboxes, labels, scores = [], [], []
    for boxes_N5, labels_N, info in zip(raw["boxes"], raw["labels"], imgs_info, strict=True):
        boxes_N4, scores_N = boxes_N5[:, :4].float(), boxes_N5[:, 4].float()
        keep = _survivors(boxes_N4, scores_N, labels_N, nms_iou)[:max_detections]
        size = (info.height, info.width)
        kept = to_original(boxes_N4[keep], info)
        bboxes.append(tv_tensors.BoundingBoxes(kept, format="XYXY", canvas_size=size))
        labels.append(labels_N[keep].long())
        scores.append(scores_N[keep])
    return DetBatchPredEntity(images=images, imgs_info=list(imgs_info), bboxes=bboxes, labels=labels, scores=scores)


def _survivors(boxes_N4: Tensor, scores_N: Tensor, labels_N: Tensor, nms_iou: float | None) -> Tensor:
    """Indices of the boxes to keep, best score first; rows of score 0 are filling and never kept."""
    if nms_iou is None:
        order = scores_N.argsort(descending=True, stable=True)
    else:
        order = batched_nms(boxes_N4, scores_N, labels_N, nms_iou)
    return order[scores_N[order] > 0]


def topk_detections(boxes_BA4: Tensor, scores_BAC: Tensor, count: int) -> dict[str, Tensor]:
    """The best (box, class) pairs of each image as raw outputs; traces with a dynamic batch.

    Args:
        boxes_BA4: XYXY in pixels of the model's input, one per anchor or query.
        scores_BAC: Confidence in [0, 1] of each class, background left out.
        count: Number of pairs to keep; fewer where there are fewer.
    """
    anchors, classes = scores_BAC.shape[1:]
    scores_BN, index_BN = scores_BAC.flatten(1).topk(min(count, anchors * classes), dim=1)
    anchor_BN = torch.div(index_BN, classes, rounding_mode="floor")
    boxes_BN4 = boxes_BA4.gather(1, anchor_BN.unsqueeze(-1).expand(-1, -1, 4))
    return {"boxes": torch.cat([boxes_BN4, scores_BN.unsqueeze(-1)], dim=-1), "labels": index_BN - anchor_BN * classes}
