"""Masks of the tiles of an image -> the mask of the image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.tiles import Window
from otx.tasks.semantic_segmentation.entity import SegBatchPredEntity


def merge(tiles: Sequence[SegBatchPredEntity], windows: Sequence[Window], info: ImageInfo) -> SegBatchPredEntity:
    """The class of each pixel, from the tile that sees most around it.

    Args:
        tiles: A batch of one for each tile, of its size.
        windows: Where the tiles lie.
        info: Of the image.
    """
    rows = _shares(sorted({(window.top, window.height) for window in windows}))
    columns = _shares(sorted({(window.left, window.width) for window in windows}))
    mask_HW = torch.zeros((info.height, info.width), dtype=torch.uint8)
    for tile, window in zip(tiles, windows, strict=True):
        (top, bottom), (left, right) = rows[window.top], columns[window.left]
        tile_hw = tile.masks[0].as_subclass(Tensor)
        mask_HW[top:bottom, left:right] = tile_hw[
            top - window.top : bottom - window.top, left - window.left : right - window.left
        ]
    return SegBatchPredEntity(images=tiles[0].images, imgs_info=[info], masks=[tv_tensors.Mask(mask_HW)])


def _shares(spans: list[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Start of each span -> where its share begins and ends: neighbours meet in the middle of what both see."""
    borders = [(start + length + following) // 2 for (start, length), (following, _) in pairwise(spans)]
    begins, ends = [spans[0][0], *borders], [*borders, sum(spans[-1])]
    return {start: (begin, end) for (start, _), begin, end in zip(spans, begins, ends, strict=True)}
