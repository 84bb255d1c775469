from __future__ import annotations

import json

import numpy as np
import pytest

from otx.core.masks import decode_rle, encode_rle, fill_polygons


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_round_trip_through_json(share):
    mask = np.random.default_rng(0).random((13, 29)) < share
    np.testing.assert_array_equal(decode_rle(json.loads(json.dumps(encode_rle(mask)))), mask)


def test_the_forms_that_coco_files_have():
    """Runs go down the columns and begin with zeros."""
    expected = np.array([[0, 1, 1], [0, 1, 0]])
    np.testing.assert_array_equal(decode_rle({"size": [2, 3], "counts": [2, 3, 1]}), expected)
    packed = encode_rle(expected)
    np.testing.assert_array_equal(decode_rle(packed | {"counts": packed["counts"].encode()}), expected)


def test_parts_of_an_object_are_united():
    mask = fill_polygons([[0, 0, 2, 0, 2, 3, 0, 3], [1, 0, 4, 0, 4, 2, 1, 2]], (4, 6))
    expected = np.zeros((4, 6))
    expected[:3, :2] = expected[:2, :4] = 1
    np.testing.assert_array_equal(mask, expected)
