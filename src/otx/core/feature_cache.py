"""Features of images that a frozen network has seen already: computed once in a run, then remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

LIMIT = 2 * 1024**3
"""Bytes of main memory that a cache may take."""
Features = list[Tensor]
"""Per level (B, C, h, w)."""


class FeatureCache:
    """Remembers the features of single images by their pixels, so that augmentation cannot deceive it.

    When it is full it keeps what it has: a training goes through its images in rounds, and making room for the next one
    would always push out the one that is needed soonest. The owner must `clear` it when its network changes.

    Args:
        limit: Bytes of memory to use.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.used = 0
        self._known: dict[bytes, Features] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy of a model starts with nothing remembered."""
        return type(self)(self.limit)

    def __call__(self, compute: Callable[[Tensor], Features], images: Tensor) -> Features:
        """The features of a batch, computed for the images that are new.

        Args:
            compute: From (B, C, H, W) images to their features.
            images: (B, C, H, W) pixels.
        """
        keys = [_key(image) for image in images]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        fresh: dict[bytes, Features] = {}
        if new:
            with torch.no_grad():
                computed = compute(images[new])
            fresh = {keys[i]: [level[place] for level in computed] for place, i in enumerate(new)}
        rows = [self._known.get(key) or fresh[key] for key in keys]
        for key, levels in fresh.items():
            self._keep(key, levels)
        return [torch.stack([level.to(images.device) for level in levels]) for levels in zip(*rows, strict=True)]

    def _keep(self, key: bytes, levels: Features) -> None:
        size = sum(level.numel() * level.element_size() for level in levels)
        if self.used + size <= self.limit:
            self._known[key] = [level.cpu().clone() for level in levels]
            self.used += size


def _key(image: Tensor) -> bytes:
    return hashlib.blake2b(image.cpu().contiguous().numpy().tobytes(), digest_size=16).digest()
