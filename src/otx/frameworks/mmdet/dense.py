"""Boxes out of the maps of MMDetection's one-stage heads, in a graph with a dynamic batch.

Its own `predict_by_feat` goes image by image through lists whose lengths depend on the pixels. Here all cells are
decoded by its own coder, the best are taken, and `decode` suppresses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from otx.tasks.detection.decode import topk_detections


def is_dense(network: nn.Module) -> bool:
    """Whether a network has a single head whose maps mean what they mean to most: RTMDet, ATSS, FCOS, YOLOX, ..."""
    from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
    from mmdet.models.dense_heads.yolox_head import YOLOXHead

    head: Any = getattr(network, "bbox_head", None)
    if not isinstance(head, BaseDenseHead):
        return False
    settings: Any = head.test_cfg or {}
    suppresses = settings.get("nms", {}).get("type") == "nms"
    kind = type(head)
    usual = (
        kind._predict_by_feat_single is BaseDenseHead._predict_by_feat_single  # noqa: SLF001 - what the head inherits
        and kind.predict_by_feat is BaseDenseHead.predict_by_feat
    )
    return suppresses and (usual or kind is YOLOXHead) and not hasattr(network, "mask_head")


def dense_detections(network: nn.Module, outputs: Any, images: Tensor, count: int) -> dict[str, Tensor]:  # noqa: ANN401
    """The best pairs of box and class of each image.

    Args:
        network: Of which `is_dense` is true.
        outputs: What its head returned: maps of classes, of boxes and, of some, of quality, for each level.
        images: (B, C, H, W) what it was fed.
        count: Number of pairs.
    """
    head: Any = network.bbox_head
    cls_maps, box_maps, *factors = outputs
    batch, (height, width) = images.shape[0], images.shape[-2:]
    classes = _cells(cls_maps, head.cls_out_channels)
    sigmoid = getattr(head, "use_sigmoid_cls", True)
    scores = classes.sigmoid() if sigmoid else classes.softmax(dim=-1)[..., :-1]
    if factors:
        scores = scores * _cells(factors[0], 1).sigmoid()
    deltas = _cells(box_maps, 4)
    sizes = [tuple(int(side) for side in level.shape[-2:]) for level in cls_maps]
    is_yolox = not hasattr(head, "bbox_coder")
    named = {"with_stride": True} if is_yolox else {}
    levels = head.prior_generator.grid_priors(sizes, dtype=scores.dtype, device=scores.device, **named)
    priors = torch.cat([level.reshape(-1, level.shape[-1]) for level in levels])
    if is_yolox:
        boxes = head._bbox_decode(priors, deltas)  # noqa: SLF001 - it has no public one
        scores = scores * (scores == scores.amax(dim=-1, keepdim=True))  # one class for each box
    else:
        flat = head.bbox_coder.decode(priors.repeat(batch, 1), deltas.reshape(-1, 4), max_shape=(height, width))
        boxes = flat.reshape(batch, -1, 4)
    settings: Any = head.test_cfg
    sides = boxes[..., 2:] - boxes[..., :2]
    kept = (scores > settings.get("score_thr", 0.0)) & (sides > 0).all(dim=-1, keepdim=True)
    return topk_detections(boxes, scores * kept, count)


def _cells(maps: list[Tensor], channels: int) -> Tensor:
    """Maps (B, A * channels, h, w) of all levels -> (B, cells, channels)."""
    return torch.cat([level.permute(0, 2, 3, 1).reshape(level.shape[0], -1, channels) for level in maps], dim=1)
