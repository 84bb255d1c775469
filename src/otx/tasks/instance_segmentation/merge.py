"""Objects on the tiles of an image -> objects on the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.masks import moved
from otx.core.merging import merge_objects
from otx.core.tiles import Window
from otx.tasks.instance_segmentation.entity import InstanceSegBatchPredEntity


def merge(
    tiles: Sequence[InstanceSegBatchPredEntity], windows: Sequence[Window], info: ImageInfo
) -> InstanceSegBatchPredEntity:
    """Objects in pixels of the image, best score first; of an object that several tiles show, the best mask stays.

    Args:
        tiles: A batch of one for each tile, in pixels of the tile.
        windows: Where the tiles lie.
        info: Of the image.
    """
    kept, size = merge_objects(tiles, windows, info), (info.height, info.width)
    masks = [tiles[number].masks[0].as_subclass(Tensor)[row] for number, row in kept.places]
    rles = [
        moved(tiles[number].rles[0][row], windows[number].left, windows[number].top, size)
        for number, row in kept.places
    ]
    shown = tv_tensors.Mask(torch.stack(masks) if masks else tiles[0].masks[0][:0])
    return InstanceSegBatchPredEntity(**kept.fields, masks=[shown], rles=[rles])
