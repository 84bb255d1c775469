"""Objects found on the tiles of an image: which of them are the same one. For every task whose objects have boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.objects import ObjectsBatchPredEntity
from otx.core.tiles import Window

OVERLAP = 0.5
"""Of two boxes of a class from different tiles that overlap by more, one is dropped."""
EDGE = 2.0
"""A box that ends so many pixels from an edge inside the image may be a part of an object."""
PART_WEIGHT = 0.5
"""Such a box gives way to whole ones of at least that share of its score."""
ROWS = 256
"""Boxes that are compared with all others at a time."""


class Kept(NamedTuple):
    """The objects of an image, best score first.

    Attributes:
        fields: Of the prediction on the image: those that all tasks have whose predictions are objects.
        places: For each its tile, and its place among the objects of that tile.
    """

    fields: dict[str, Any]
    places: list[tuple[int, int]]


def merge_objects(tiles: Sequence[ObjectsBatchPredEntity[Any]], windows: Sequence[Window], info: ImageInfo) -> Kept:
    """The objects of an image, each once. Objects of the same tile are left as its predictions have them.

    Args:
        tiles: Predictions on each tile.
        windows: Where the tiles lie.
        info: Of the image.
    """
    placed = [_placed(tile.bboxes[0], window, info) for tile, window in zip(tiles, windows, strict=True)]
    boxes_N4, is_part_N = (torch.cat([one[index] for one in placed]) for index in (0, 1))
    labels_N, scores_N = torch.cat([tile.labels[0] for tile in tiles]), torch.cat([tile.scores[0] for tile in tiles])
    places = [(number, row) for number, tile in enumerate(tiles) for row in range(len(tile.scores[0]))]
    tile_N = torch.tensor([number for number, _ in places], dtype=torch.int64)
    twins, parts = _pairs(boxes_N4, labels_N, tile_N, is_part_N)
    alive = [True] * len(places)
    rank = (scores_N * (1 - PART_WEIGHT * is_part_N.float())).tolist()
    for better, weaker in sorted(twins, key=lambda pair: -max(rank[pair[0]], rank[pair[1]])):
        first, second = (better, weaker) if rank[better] >= rank[weaker] else (weaker, better)
        alive[second] = alive[second] and not alive[first]
    for part, whole in parts:
        alive[part] = alive[part] and not alive[whole]
    kept = torch.tensor(alive, dtype=torch.bool).nonzero().flatten()
    kept = kept[scores_N[kept].argsort(descending=True, stable=True)]
    size = (info.height, info.width)
    fields = {
        "images": tiles[0].images,
        "imgs_info": [info],
        "bboxes": [tv_tensors.BoundingBoxes(boxes_N4[kept], format="XYXY", canvas_size=size)],
        "labels": [labels_N[kept]],
        "scores": [scores_N[kept]],
    }
    return Kept(fields, [places[index] for index in kept.tolist()])


def _placed(boxes: Tensor, window: Window, info: ImageInfo) -> tuple[Tensor, Tensor]:
    """Boxes in pixels of the image, and whether they end at an edge of the tile that is not one of the image."""
    boxes_N4 = boxes.as_subclass(Tensor)
    top, left, height, width = window
    inner = torch.tensor([left > 0, top > 0, left + width < info.width, top + height < info.height])
    distance_N4 = torch.cat([boxes_N4[:, :2], boxes_N4.new_tensor([width, height]) - boxes_N4[:, 2:]], dim=1)
    return boxes_N4 + boxes_N4.new_tensor([left, top, left, top]), ((distance_N4 < EDGE) & inner).any(dim=1)


Pairs = list[tuple[int, int]]


def _pairs(boxes_N4: Tensor, labels_N: Tensor, tile_N: Tensor, is_part_N: Tensor) -> tuple[Pairs, Pairs]:
    """Boxes of a class from different tiles: those that overlap well, and parts beside the larger box they lie in."""
    area_N = (boxes_N4[:, 2:] - boxes_N4[:, :2]).prod(1)
    twins: Pairs = []
    parts: Pairs = []
    for rows, shared_RN in _shared(boxes_N4):
        of_others_RN = (labels_N[rows].unsqueeze(1) == labels_N) & (tile_N[rows].unsqueeze(1) != tile_N)
        own_R1 = area_N[rows].unsqueeze(1)
        overlap_RN = shared_RN / (own_R1 + area_N - shared_RN).clamp_min(1e-6)
        twin_RN = of_others_RN & (overlap_RN > OVERLAP)
        part_RN = of_others_RN & is_part_N[rows].unsqueeze(1) & (shared_RN > OVERLAP * own_R1) & (area_N > own_R1)
        twins += _places(twin_RN, rows)
        parts += _places(part_RN, rows)
    return [(one, other) for one, other in twins if one < other], parts


def _places(true_RN: Tensor, rows: Tensor) -> Pairs:
    row, column = true_RN.nonzero().unbind(1)
    return list(zip(rows[row].tolist(), column.tolist(), strict=True))


def _shared(boxes_N4: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Some of the boxes, and the areas that they share with all."""
    for first in range(0, len(boxes_N4), ROWS):
        rows = torch.arange(first, min(first + ROWS, len(boxes_N4)))
        corners_R14 = boxes_N4[rows].unsqueeze(1)
        sides_RN2 = corners_R14[..., 2:].minimum(boxes_N4[:, 2:]) - corners_R14[..., :2].maximum(boxes_N4[:, :2])
        yield rows, sides_RN2.clamp_min(0).prod(2)
