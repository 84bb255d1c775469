"""Detections on the tiles of an image -> detections on the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import batched_nms

from otx.core.image_info import ImageInfo
from otx.core.tiles import Window
from otx.tasks.detection.entity import DetBatchPredEntity

OVERLAP = 0.5
"""Of two boxes of a class that overlap by more, one is dropped; of a box at an edge, that is its own share."""
EDGE = 2.0
"""A box that ends so many pixels from an edge inside the image may be a part of an object."""
CUT_WEIGHT = 0.5
"""Such a box gives way to whole ones of at least that share of its score."""
ROWS = 1024
"""Boxes that are compared with all others at a time."""


def merge(tiles: Sequence[DetBatchPredEntity], windows: Sequence[Window], info: ImageInfo) -> DetBatchPredEntity:
    """Detections in pixels of the image, best score first.

    Args:
        tiles: A batch of one for each tile, in pixels of the tile.
        windows: Where the tiles lie.
        info: Of the image.
    """
    placed = [_placed(tile, window, info) for tile, window in zip(tiles, windows, strict=True)]
    boxes_N4, is_cut_N = (torch.cat([one[part] for one in placed]) for part in (0, 1))
    labels_N, scores_N = (torch.cat([getattr(tile, name)[0] for tile in tiles]) for name in ("labels", "scores"))
    tile_N = torch.cat([torch.full((len(tile.scores[0]),), number) for number, tile in enumerate(tiles)])
    keep = batched_nms(boxes_N4, scores_N * (1 - CUT_WEIGHT * is_cut_N.float()), labels_N, OVERLAP)
    keep = keep[~_parts(boxes_N4[keep], labels_N[keep], tile_N[keep], is_cut_N[keep])]
    keep = keep[scores_N[keep].argsort(descending=True, stable=True)]
    return DetBatchPredEntity(
        images=tiles[0].images,
        imgs_info=[info],
        bboxes=[tv_tensors.BoundingBoxes(boxes_N4[keep], format="XYXY", canvas_size=(info.height, info.width))],
        labels=[labels_N[keep]],
        scores=[scores_N[keep]],
    )


def _placed(tile: DetBatchPredEntity, window: Window, info: ImageInfo) -> tuple[Tensor, Tensor]:
    """Boxes in pixels of the image, and whether they end at an edge of the tile that is not one of the image."""
    boxes_N4 = tile.bboxes[0].as_subclass(Tensor)
    top, left, height, width = window
    inner = [left > 0, top > 0, left + width < info.width, top + height < info.height]
    distance_N4 = torch.cat([boxes_N4[:, :2], boxes_N4.new_tensor([width, height]) - boxes_N4[:, 2:]], dim=1)
    is_cut_N = ((distance_N4 < EDGE) & torch.tensor(inner)).any(dim=1)
    return boxes_N4 + boxes_N4.new_tensor([left, top, left, top]), is_cut_N


def _parts(boxes_N4: Tensor, labels_N: Tensor, tile_N: Tensor, is_cut_N: Tensor) -> Tensor:
    """Which boxes at an edge lie mostly in a larger box of the same class that another tile has found."""
    area_N = (boxes_N4[:, 2:] - boxes_N4[:, :2]).prod(1)
    parts_N = torch.zeros_like(is_cut_N)
    for rows in torch.split(is_cut_N.nonzero().flatten(), ROWS):
        corners_R14 = boxes_N4[rows].unsqueeze(1)
        sides_RN2 = corners_R14[..., 2:].minimum(boxes_N4[:, 2:]) - corners_R14[..., :2].maximum(boxes_N4[:, :2])
        inside_RN = sides_RN2.clamp_min(0).prod(2) > OVERLAP * area_N[rows].unsqueeze(1)
        others_RN = (labels_N[rows].unsqueeze(1) == labels_N) & (tile_N[rows].unsqueeze(1) != tile_N)
        larger_RN = area_N > area_N[rows].unsqueeze(1)
        parts_N[rows] = (inside_RN & others_RN & larger_RN).any(dim=1)
    return parts_N
