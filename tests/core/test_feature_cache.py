"""Features are computed once per image, within bounds of memory."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from otx.core.feature_cache import FeatureCache

IMAGES = torch.arange(4 * 3 * 2 * 2, dtype=torch.uint8).view(4, 3, 2, 2)


class Counting:
    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Tensor) -> list[Tensor]:
        self.seen += len(images)
        return [images.float() * 2, images.float().mean((2, 3))]


def test_an_image_is_computed_once_wherever_it_stands() -> None:
    cache, compute = FeatureCache(), Counting()
    first = cache(compute, IMAGES[:3])
    second = cache(compute, IMAGES[[3, 0]])
    assert compute.seen == 4
    assert torch.equal(first[0], IMAGES[:3].float() * 2)
    assert torch.equal(second[0], IMAGES[[3, 0]].float() * 2)
    assert torch.equal(second[1], IMAGES[[3, 0]].float().mean((2, 3)))


def test_another_image_of_the_same_file_is_another_image() -> None:
    cache, compute = FeatureCache(), Counting()
    cache(compute, IMAGES[:1])
    cache(compute, IMAGES[:1].flip(-1))
    assert compute.seen == 2


def test_memory_is_bounded_and_what_is_known_stays() -> None:
    compute = Counting()
    one = sum(level.numel() * level.element_size() for level in compute(IMAGES[:1]))
    cache, compute = FeatureCache(limit=2 * one), Counting()
    for _ in range(3):
        assert torch.equal(cache(compute, IMAGES)[0], IMAGES.float() * 2)
    assert cache.used == 2 * one
    assert compute.seen == 4 + 2 + 2


def test_copies_and_cleared_caches_know_nothing() -> None:
    cache, compute = FeatureCache(), Counting()
    cache(compute, IMAGES)
    copy.deepcopy(cache)(compute, IMAGES)
    assert compute.seen == 8
    cache.clear()
    cache(compute, IMAGES)
    assert compute.seen == 12
