"""Torchvision's two-stage detectors in a graph that takes any batch and gives a fixed number of rows per image.

Torchvision's own `forward` in eval mode resizes again and works through lists whose lengths depend on the pixels, which
traces for a single image only. Here its parts are called directly, and what suppression drops stays as a row of score
0. In training mode its own code computes the losses.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FasterRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.ops import MultiScaleRoIAlign, batched_nms, clip_boxes_to_image, roi_align

MIN_SIDE = 1e-2
"""Boxes with a shorter side, in pixels, are empty; those that the border has cut away all look alike."""


class TwoStage(nn.Module):
    """A Faster R-CNN or what is built on it, from normalised images of the model's size.

    Args:
        detector: The network; its settings decide how training samples boxes, and the overlaps for suppression.
        proposals: Number of boxes per image that the second stage looks at in eval mode.
        detections: Number of rows per image of the result.
    """

    def __init__(self, detector: FasterRCNN, proposals: int, detections: int) -> None:
        super().__init__()
        self.detector = detector
        self.proposals = proposals
        self.detections = detections
        heads: Any = detector.roi_heads
        for head in (detector.rpn.head, heads.box_predictor):
            cast("nn.Module", head).register_forward_hook(_in_float32)

    def forward(self, images: Tensor, targets: list[dict[str, Tensor]] | None = None) -> dict[str, Any]:
        """(B, C, H, W) -> in training mode the losses, else `boxes` (B, N, 5), `labels` (B, N) and `features`."""
        # Anchors come in the type of the features.
        features: dict[str, Tensor] = {name: level.float() for name, level in self.detector.backbone(images).items()}
        size = (int(images.shape[-2]), int(images.shape[-1]))
        if self.training:
            return self._losses(images, features, targets or [], size)
        boxes_BP4, scores_BP = self._propose(images, list(features.values()), size)
        return self._classify(features, boxes_BP4, scores_BP > 0, size) | {"features": features}

    def _losses(
        self, images: Tensor, features: dict[str, Tensor], targets: list[dict[str, Tensor]], size: tuple[int, int]
    ) -> dict[str, Tensor]:
        sizes = [size] * len(images)
        proposals, losses = self.detector.rpn(ImageList(images, sizes), features, targets)
        _, more = self.detector.roi_heads(features, proposals, sizes, targets)
        return {**losses, **more}

    def _propose(self, images: Tensor, maps: list[Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """(B, P, 4) boxes that may hold an object, and how likely that is, 0 for those to leave out."""
        rpn: Any = self.detector.rpn
        objectness, deltas = rpn.head(maps)
        cells = [int(level[0].numel()) for level in objectness]
        scores_N1, deltas_N4 = concat_box_prediction_layers(objectness, deltas)
        anchors_A4 = rpn.anchor_generator(ImageList(images, [size]), maps)[0]
        scores_BA = scores_N1.reshape(-1, sum(cells)).sigmoid()
        deltas_BA4 = deltas_N4.reshape(-1, sum(cells), 4)
        best = [
            level.topk(min(self.proposals, count), dim=1)
            for level, count in zip(torch.split(scores_BA, cells, dim=1), cells, strict=True)
        ]
        starts = torch.tensor([0, *cells]).cumsum(0).tolist()
        index_BP = torch.cat([index + start for (_, index), start in zip(best, starts, strict=False)], dim=1)
        level_P = torch.cat([torch.full((min(self.proposals, count),), level) for level, count in enumerate(cells)])
        scores_BP = torch.cat([scores for scores, _ in best], dim=1)
        boxes_BP4 = _decoded(rpn.box_coder, _rows(deltas_BA4, index_BP), anchors_A4[index_BP])
        boxes_BP4 = clip_boxes_to_image(boxes_BP4, size)
        scores_BP = suppressed(boxes_BP4, scores_BP, level_P.to(index_BP).expand_as(index_BP), rpn.nms_thresh)
        scores_BP, index_BP = scores_BP.topk(min(self.proposals, index_BP.shape[1]), dim=1)
        return _rows(boxes_BP4, index_BP), scores_BP

    def _classify(
        self, features: dict[str, Tensor], boxes_BP4: Tensor, valid_BP: Tensor, size: tuple[int, int]
    ) -> dict[str, Tensor]:
        heads: Any = self.detector.roi_heads
        pooled = pool_boxes(heads.box_roi_pool, features, boxes_BP4, size)
        logits_RC, deltas_RC4 = heads.box_predictor(heads.box_head(pooled))
        count, classes = boxes_BP4.shape[1], logits_RC.shape[1]
        scores_BPC = logits_RC.softmax(dim=1).reshape(-1, count, classes)[..., 1:] * valid_BP.unsqueeze(-1)
        scores_BN, index_BN = scores_BPC.flatten(1).topk(min(2 * self.detections, count * (classes - 1)), dim=1)
        row_BN = torch.div(index_BN, classes - 1, rounding_mode="floor")
        label_BN = index_BN - row_BN * (classes - 1)
        deltas_BQ4 = deltas_RC4.reshape(-1, count * classes, 4)
        deltas_BN4 = _rows(deltas_BQ4, row_BN * classes + label_BN + 1)
        boxes_BN4 = _decoded(heads.box_coder, deltas_BN4, _rows(boxes_BP4, row_BN))
        boxes_BN4 = clip_boxes_to_image(boxes_BN4, size)
        scores_BN = suppressed(boxes_BN4, scores_BN, label_BN, heads.nms_thresh)
        scores_BN, order_BN = scores_BN.topk(min(self.detections, row_BN.shape[1]), dim=1)
        boxes_BN5 = torch.cat([_rows(boxes_BN4, order_BN), scores_BN.unsqueeze(-1)], dim=-1)
        return {"boxes": boxes_BN5, "labels": label_BN.gather(1, order_BN)}


def suppressed(boxes_BN4: Tensor, scores_BN: Tensor, groups_BN: Tensor, iou: float) -> Tensor:
    """The scores, with 0 for empty boxes, and for those that overlap with a better one of their group and image.

    Args:
        boxes_BN4: XYXY in pixels.
        scores_BN: In [0, 1].
        groups_BN: Class or level of each box.
        iou: Overlap from which the weaker box goes.
    """
    scores_BN = scores_BN * ((boxes_BN4[..., 2:] - boxes_BN4[..., :2]).amin(dim=-1) >= MIN_SIDE)
    image_BN = torch.arange(boxes_BN4.shape[0], device=boxes_BN4.device).unsqueeze(1).expand_as(groups_BN)
    group_BN = image_BN * (groups_BN.max() + 1) + groups_BN
    kept = batched_nms(boxes_BN4.reshape(-1, 4), scores_BN.flatten(), group_BN.flatten(), iou)
    mask_N = torch.zeros_like(scores_BN.flatten()).scatter(0, kept, torch.ones_like(kept, dtype=scores_BN.dtype))
    return scores_BN * mask_N.reshape(scores_BN.shape)


def pool_boxes(
    pool: MultiScaleRoIAlign, features: dict[str, Tensor], boxes_BN4: Tensor, size: tuple[int, int]
) -> Tensor:
    """Features of each box, (B * N, C, h, w), as `pool` would give them for lists.

    Each box is cut out of all levels and its own is taken: the indices of the others would depend on the pixels.
    """
    maps = [features[name] for name in pool.featmap_names]
    height = size[0]
    image_BN1 = (
        torch.arange(boxes_BN4.shape[0], device=boxes_BN4.device).reshape(-1, 1, 1).expand_as(boxes_BN4[..., :1])
    )
    # A network that has diverged gives boxes that are no numbers, and roi_align would end the process over them.
    rois_R5 = torch.cat([image_BN1.to(boxes_BN4), boxes_BN4.masked_fill(boxes_BN4.isnan(), 0.0)], dim=-1).reshape(-1, 5)
    sides_R2 = (rois_R5[:, 3:] - rois_R5[:, 1:3]).clamp_min(1e-3)
    finest, coarsest = (
        int(level).bit_length() - 1 for level in (height / maps[0].shape[-2], height / maps[-1].shape[-2])
    )
    level_R = (pool.canonical_level + 0.5 * (sides_R2.prod(1) / pool.canonical_scale**2).log2() + 1e-6).floor()
    level_R = level_R.clamp(finest, coarsest) - finest
    pooled = [
        roi_align(level, rois_R5, pool.output_size, level.shape[-2] / height, pool.sampling_ratio)
        * (level_R == index).to(level).reshape(-1, 1, 1, 1)
        for index, level in enumerate(maps)
    ]
    return torch.stack(pooled).sum(0)


def label_layers(labels: int, others: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Rows of each label in the layers of the heads, behind those of the background.

    Args:
        labels: Number of labels.
        others: Layers beside those of the boxes that have one channel for each label.
    """
    one = torch.arange(1, labels + 1).unsqueeze(1)
    layers = dict.fromkeys(("box_predictor.cls_score", *others), one)
    layers["box_predictor.bbox_pred"] = 4 * one + torch.arange(4)
    heads = "model.detector.roi_heads"
    return {f"{heads}.{layer}.{kind}": rows for layer, rows in layers.items() for kind in ("weight", "bias")}


def _in_float32(module: nn.Module, inputs: Any, outputs: Any) -> tuple[Any, ...]:  # noqa: ANN401, ARG001 - a hook
    """What a head gives, levels in lists or not, in a type that has every pixel.

    Torchvision keeps boxes in the type of the offsets, and above 256 BF16 has every second number only: a box of less
    than two pixels across loses its width there, the logarithm of which is a target of the loss.
    """
    return tuple([level.float() for level in part] if isinstance(part, list) else part.float() for part in outputs)


def _decoded(coder: Any, deltas_BN4: Tensor, boxes_BN4: Tensor) -> Tensor:  # noqa: ANN401 - torchvision's BoxCoder
    flat = coder.decode_single(deltas_BN4.reshape(-1, 4), boxes_BN4.reshape(-1, 4))
    return cast("Tensor", flat).reshape(boxes_BN4.shape)


def _rows(values_BN4: Tensor, index_BM: Tensor) -> Tensor:
    return values_BN4.gather(1, index_BM.unsqueeze(-1).expand(-1, -1, 4))
