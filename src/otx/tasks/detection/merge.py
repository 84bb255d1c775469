"""Detections on the tiles of an image -> detections on the image."""

from __future__ import annotations

from collections.abc import Sequence

from otx.core.image_info import ImageInfo
from otx.core.merging import merge_objects
from otx.core.tiles import Window
from otx.tasks.detection.entity import DetBatchPredEntity


def merge(tiles: Sequence[DetBatchPredEntity], windows: Sequence[Window], info: ImageInfo) -> DetBatchPredEntity:
    """Detections in pixels of the image, best score first.

    Args:
        tiles: A batch of one for each tile, in pixels of the tile.
        windows: Where the tiles lie.
        info: Of the image.
    """
    return DetBatchPredEntity(**merge_objects(tiles, windows, info).fields)
