"""What can be set about the feeding of a model. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """How images become batches."""

    batch_size: int | Literal["auto"] = "auto"
    """Images per training step. Larger is faster per image until memory or the number of images ends it."""
    eval_batch_size: int | Literal["auto"] = "auto"
    """Images per step of validation and test; auto: that of training. Changes speed and memory, not the metrics."""
    workers: int | Literal["auto"] = "auto"
    """Processes that decode and augment images; 0 does it between the training steps. Changes speed, never a batch."""
    cache: float | Literal["auto"] = "auto"
    """GiB of memory for images of training and validation that are decoded once, not in every epoch; 0: none; auto:
    what is free, if images are far larger than the model's input. Changes speed, never a batch."""
    tile: bool | Literal["auto"] = "auto"
    """Cut images into tiles, in training and wherever the model is used; auto: if objects would become too small."""
    tile_size: int | Literal["auto"] = "auto"
    """Side of a tile in pixels of the images. Smaller shows smaller things and takes more tiles."""
    tile_overlap: int | Literal["auto"] = "auto"
    """Pixels that neighbouring tiles share; objects up to that size are seen whole in one of them."""
    balance: bool | Literal["auto"] = "auto"
    """Draw the images of every class equally often in training; auto: if one class has far more than another."""
    prefetch: int = 2
    """Batches that each worker prepares in advance. More smooths slow disks and costs memory."""
