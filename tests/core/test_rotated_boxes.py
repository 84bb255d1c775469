"""Rotated boxes overlap exactly, and are read from masks without a loss of size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from otx.core.rotated_boxes import around, around_mask, overlaps, survivors


def box(x: float, y: float, width: float, height: float, degrees: float) -> np.ndarray:
    return np.asarray(cv2.boxPoints(((x, y), (width, height), degrees)))


def test_overlaps_are_those_of_plain_geometry() -> None:
    square, diamond = box(0, 0, 2, 2, 0), box(0, 0, 2, 2, 45)
    octagon, tips = 8 * (np.sqrt(2) - 1), (np.sqrt(2) - 1) ** 2
    found = overlaps(np.array([square, diamond, box(9, 9, 2, 2, 0)]), np.array([square, box(1, 0, 2, 2, 0)]))
    np.testing.assert_allclose(
        found, [[1, 1 / 3], [octagon / (8 - octagon), (2 - tips) / (6 + tips)], [0, 0]], atol=1e-5
    )
    assert overlaps(np.zeros((0, 4, 2)), np.array([square])).shape == (0, 1)
    assert overlaps(np.zeros((1, 4, 2)), np.array([square])).tolist() == [[0.0]]


@pytest.mark.parametrize("degrees", [0, 20, 45, 80])
def test_the_rectangle_of_a_mask_is_the_one_that_was_drawn(degrees: float) -> None:
    drawn = box(60, 50, 40, 16, degrees)
    left, top, right, bottom = *drawn.min(axis=0), *drawn.max(axis=0)
    cells = np.stack(np.meshgrid((np.arange(28) + 0.5) / 28, (np.arange(28) + 0.5) / 28), axis=-1)
    points = (cells * (right - left, bottom - top) + (left, top)).reshape(-1, 2).astype(np.float32)
    signed = [cv2.pointPolygonTest(drawn, point.tolist(), measureDist=True) for point in points]
    mask = np.clip(0.5 + np.reshape(signed, (28, 28)) / 2, 0, 1)
    found = around_mask(mask, (left, top, right, bottom))
    assert overlaps(found[None], drawn[None])[0, 0] > 0.93


def test_a_mask_with_nothing_in_it_is_its_box() -> None:
    assert around_mask(np.zeros((4, 4)), (1, 2, 5, 9)).tolist() == [[1, 2], [5, 2], [5, 9], [1, 9]]


def test_only_the_largest_part_counts() -> None:
    mask = np.zeros((28, 28))
    mask[2:20, 2:20] = mask[26:, 26:] = 1
    found = around_mask(mask, (0, 0, 28, 28))
    np.testing.assert_allclose([*found.min(axis=0), *found.max(axis=0)], [2, 2, 20, 20], atol=0.3)


def test_the_better_of_two_survives_within_its_label() -> None:
    boxes = np.array([box(0, 0, 20, 8, 30), box(0.5, 0, 20, 8, 33), box(0, 0, 20, 8, 30), box(0, 30, 20, 8, 30)])
    assert survivors(boxes, np.array([0, 0, 1, 0]), 0.3) == [0, 2, 3]
    assert survivors(boxes, np.array([0, 0, 1, 0]), 0.99) == [0, 1, 2, 3]
    assert survivors(boxes[:0], np.zeros(0, int), 0.3) == []


def test_the_rectangle_around_points() -> None:
    assert overlaps(around(box(5, 5, 9, 3, 30))[None], box(5, 5, 9, 3, 30)[None])[0, 0] == pytest.approx(1, abs=1e-4)
