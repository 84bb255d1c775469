"""Rotated boxes on the tiles of an image -> rotated boxes on the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.merging import merge_objects
from otx.core.tiles import Window
from otx.tasks.rotated_detection.entity import RotatedDetBatchPredEntity


def merge(
    tiles: Sequence[RotatedDetBatchPredEntity], windows: Sequence[Window], info: ImageInfo
) -> RotatedDetBatchPredEntity:
    """Rotated boxes in pixels of the image, best score first; which are the same is judged by their upright boxes.

    Args:
        tiles: A batch of one for each tile, in pixels of the tile.
        windows: Where the tiles lie.
        info: Of the image.
    """
    kept = merge_objects(tiles, windows, info)
    moved = [
        tiles[number].corners[0].as_subclass(Tensor)[row] + torch.tensor([windows[number].left, windows[number].top])
        for number, row in kept.places
    ]
    corners_N42 = torch.stack(moved) if moved else torch.zeros(0, 4, 2)
    corners = tv_tensors.KeyPoints(corners_N42, canvas_size=(info.height, info.width))
    return RotatedDetBatchPredEntity(**kept.fields, corners=[corners])
