"""Predicts one file, whole or tile by tile, with whatever runs the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from otx.core.entity import OTXBatchPredEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.task import TaskSpec
from otx.core.tiles import Window, tile_windows
from otx.data.frames import Medium
from otx.data.media import media_size, read_media
from otx.transforms.fit import fit_alone

Prediction = OTXBatchPredEntity[Any]
Run = Callable[[Tensor, ImageInfo], Prediction]
"""From pixels of the model's size, as a batch of one, to predictions in pixels of what `ImageInfo` describes."""
Each = Callable[[Callable[[Window], Prediction], Sequence[Window]], Iterable[Prediction]]
"""`map`, or the like of a pool of threads."""


def read_fitted(path: Medium, spec: InputSpec, task: TaskSpec) -> tuple[Tensor, ImageInfo]:
    """A whole file as the model takes it, decoded no larger than it needs where places in it do not matter.

    Raises:
        BrokenImageError: The file cannot be read, or is not of the kind that the model takes.
    """
    least_side = spec.least_side if task.load("sample").placeless else 0
    image = read_media(path, spec, least_side=least_side)
    may_be_smaller = 0 < least_side <= min(image.shape[-2:])
    return fit_alone(image, str(path), spec, media_size(path) if may_be_smaller else None)


def predict_image(path: Medium, spec: InputSpec, task: TaskSpec, run: Run, each: Each = map) -> Prediction:
    """The prediction on one file, a batch of one.

    Where the model wants tiles, no more of them are in memory than are worked on: beside the decoded image (and not
    even that for files that are read by windows) it takes the same memory whatever the size of the image.

    Args:
        path: The file, or a frame of a video.
        spec: Of the model.
        task: Merges predictions on tiles.
        run: Runs the model and decodes its outputs.
        each: Goes through the tiles.

    Raises:
        BrokenImageError: The file cannot be read, or is not of the kind that the model takes.
    """
    if not spec.tile:
        return run(*read_fitted(path, spec, task))
    height, width = media_size(path)
    windows = tile_windows(height, width, spec.tile, spec.tile_overlap)

    def on_tile(window: Window) -> Prediction:
        tile = read_media(path, spec, window=window)
        return run(*fit_alone(tile, str(path), spec)).without_images().to("cpu")

    merged: Prediction = task.load("merge")(
        list(each(on_tile, windows)), windows, ImageInfo(path=str(path), height=height, width=width)
    )
    return merged
