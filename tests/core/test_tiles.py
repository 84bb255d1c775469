"""Tiles cover an image, evenly, and share at least what they should."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from otx.core.tiles import Window, tile_windows


@pytest.mark.parametrize(("height", "width"), [(100, 100), (101, 260), (64, 64), (40, 200), (30, 20)])
@pytest.mark.parametrize("overlap", [0, 10, 32])
def test_every_pixel_is_seen_and_neighbours_overlap(height, width, overlap) -> None:
    windows = tile_windows(height, width, 64, overlap)
    seen = np.zeros((height, width), int)
    for top, left, rows, columns in windows:
        assert (rows, columns) == (min(64, height), min(64, width))
        seen[top : top + rows, left : left + columns] += 1
    assert seen.shape == (height, width)
    assert seen.min() == 1
    lefts = sorted({window.left for window in windows})
    assert all(left + 64 - after >= overlap for left, after in pairwise(lefts))


def test_no_more_tiles_than_needed() -> None:
    assert tile_windows(64, 128, 64, 0) == [Window(0, 0, 64, 64), Window(0, 64, 64, 64)]
    assert len(tile_windows(64, 129, 64, 0)) == 3
    assert len(tile_windows(64, 65, 64, 63)) == 2
