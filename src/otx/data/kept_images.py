"""Keeps decoded images in memory, so that each is decoded once and not in every epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.tiles import Window
from otx.data.dataset import Read
from otx.data.images import BrokenImageError, reduction
from otx.data.item import Item

Show = Callable[[Iterable[Any], int], Iterable[Any]]
"""Shows how far one has got with so many things."""


@dataclass(eq=False)
class KeptImages:
    """A `Read` that has some of the images already.

    Processes that are forked later share them. Each call gives a copy, for a step may write to its image.

    Attributes:
        read: Decodes the others.
        images: Whole images, (C, H, W), by file.
    """

    read: Read
    images: dict[Path, Tensor]

    def __call__(self, path: Path, *, window: Window | None = None) -> tv_tensors.Image | tv_tensors.Video:
        """An item, or a window of it, as `read` gives it."""
        kept = self.images.get(path)
        if kept is None:
            return self.read(path, window=window)
        top, left, height, width = window or (0, 0, *kept.shape[-2:])
        # Copied by rows, in which a pixel's channels lie together, as in an image that was just decoded.
        part_HWC = kept[:, top : top + height, left : left + width].permute(1, 2, 0)
        return tv_tensors.Image(part_HWC.clone(memory_format=torch.contiguous_format).permute(2, 0, 1))

    def __reduce__(self) -> tuple[Any, ...]:
        """A process that is started anew gets none of the images: they would be copied for each."""
        return KeptImages, (self.read, {})


def bytes_of(item: Item, bytes_per_pixel: int, least_side: int) -> int:
    """What an item takes in memory when it is decoded as `read_image` does."""
    factor = reduction(item.height, item.width, least_side)
    return -(-item.height // factor) * -(-item.width // factor) * bytes_per_pixel


def keep_images(read: Read, paths: Sequence[Path], show: Show) -> KeptImages:
    """Decode images, several at a time; those that are broken are left to whoever asks for them.

    Args:
        read: Decodes one.
        paths: The files.
        show: Takes the files as they are done.
    """

    def decoded(path: Path) -> Tensor | None:
        try:
            return read(path).as_subclass(Tensor)
        except BrokenImageError:
            return None

    threads = ThreadPoolExecutor(os.cpu_count())
    try:
        images = list(show(threads.map(decoded, paths), len(paths)))
    finally:  # on Ctrl-C, too, which would otherwise wait for all of them
        threads.shutdown(cancel_futures=True)
    return KeptImages(read, {path: image for path, image in zip(paths, images, strict=True) if image is not None})
