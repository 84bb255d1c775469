"""Run lengths say what pixels say, and a mask is enlarged without ever being whole."""

from __future__ import annotations

import json

import numpy as np
import pytest

from otx.core import masks

SIZE = (30, 40)


def test_polygons_of_one_object_are_one_mask_cut_to_the_image() -> None:
    rle = masks.from_polygons([[2, 3, 10, 3, 10, 8, 2, 8], [30, 20, 60, 20, 60, 50, 30, 50]], SIZE)
    pixels = masks.to_pixels([rle], SIZE)[0]
    assert pixels[3:8, 2:10].all()
    assert pixels[20:, 30:].all()
    assert pixels.sum() == 5 * 8 + 10 * 10
    np.testing.assert_array_equal(masks.boxes_of([rle]), [[2, 3, 40, 30]])


def test_pixels_runs_and_json_are_the_same_mask() -> None:
    pixels = np.random.default_rng(0).random(SIZE) > 0.5
    rle = masks.from_pixels(pixels)
    np.testing.assert_array_equal(masks.to_pixels([rle], SIZE)[0], pixels)
    assert masks.from_json(json.loads(json.dumps(masks.to_json(rle)))) == rle
    np.testing.assert_array_equal(masks.to_pixels([masks.union([rle, masks.from_pixels(~pixels)])], SIZE), 1)


def test_no_masks_at_all() -> None:
    rle = masks.from_pixels(np.ones(SIZE))
    assert masks.to_pixels([], SIZE).shape == (0, *SIZE)
    assert masks.boxes_of([]).shape == (0, 4)
    assert masks.overlaps([], [rle]).shape == (0, 1)
    assert masks.overlaps([rle], [rle]).tolist() == [[1.0]]


@pytest.mark.parametrize(
    "box", [(3.2, 2.1, 15.6, 9.9), (-7, -3, 50, 33), (0, 0, 40, 30), (8, 0, 20, 30), (5, 5, 5, 9), (50, 2, 60, 9)]
)
def test_enlarging_is_bilinear_within_the_box(box: tuple[float, ...]) -> None:
    small = np.random.default_rng(1).random((7, 9))
    rle = masks.paste(small, box, SIZE)
    expected = np.zeros(SIZE, np.uint8)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            x, y = column + 0.5, row + 0.5
            if box[0] <= x < box[2] and box[1] <= y < box[3]:
                u = np.clip((x - box[0]) / (box[2] - box[0]) * 9 - 0.5, 0, 8)
                v = np.clip((y - box[1]) / (box[3] - box[1]) * 7 - 0.5, 0, 6)
                i, j = min(int(v), 5), min(int(u), 7)
                upper = small[i, j] * (1 - u + j) + small[i, j + 1] * (u - j)
                lower = small[i + 1, j] * (1 - u + j) + small[i + 1, j + 1] * (u - j)
                expected[row, column] = upper * (1 - v + i) + lower * (v - i) >= 0.5
    pixels = masks.to_pixels([rle], SIZE)[0]
    assert (pixels != expected).sum() <= 0.02 * max(1, expected.sum())  # OpenCV counts in steps of a 32nd of a cell
    assert rle == masks.from_pixels(pixels)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_round_trip_through_json(share):
    mask = np.random.default_rng(0).random((13, 29)) < share
    np.testing.assert_array_equal(masks.decode_rle(json.loads(json.dumps(masks.encode_rle(mask)))), mask)


def test_the_forms_that_coco_files_have():
    """Runs go down the columns and begin with zeros."""
    expected = np.array([[0, 1, 1], [0, 1, 0]])
    np.testing.assert_array_equal(masks.decode_rle({"size": [2, 3], "counts": [2, 3, 1]}), expected)
    packed = masks.encode_rle(expected)
    np.testing.assert_array_equal(masks.decode_rle(packed | {"counts": packed["counts"].encode()}), expected)


def test_parts_of_an_object_are_united():
    mask = masks.fill_polygons([[0, 0, 2, 0, 2, 3, 0, 3], [1, 0, 4, 0, 4, 2, 1, 2]], (4, 6))
    expected = np.zeros((4, 6))
    expected[:3, :2] = expected[:2, :4] = 1
    np.testing.assert_array_equal(mask, expected)
