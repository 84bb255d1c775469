"""Keypoints are dots in their own colours, and what is not labelled or hardly believed is left out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from otx.core.drawing import colour_of
from otx.tasks.keypoint_detection.draw import draw


def places(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((np.asarray(picture) == colour).all(axis=2))


@pytest.mark.parametrize("marks", [[2, 1, 0], [0.9, 0.2, 0.01]])
def test_truth_and_predictions_are_drawn(labels, marks) -> None:
    points = [[150.0, 120.0, marks[0]], [250.0, 120.0, marks[1]], [200.0, 180.0, marks[2]]]
    entry = {"label": "dog", "bbox": [100.0, 80.0, 300.0, 200.0], "keypoints": points}
    image = Image.new("RGB", (500, 400))
    picture = draw(image, {"objects": [entry | ({"score": 0.9} if marks[0] < 1 else {})]}, labels)
    for index, (x, y, _) in enumerate(points[:2]):
        assert places(picture, colour_of(index + 1)).mean(axis=0) == pytest.approx((y, x), abs=60)
    assert np.asarray(picture)[120, 200].tolist() == [255, 255, 255]  # the line between them
    assert not len(places(picture, colour_of(3)))
    assert not np.asarray(image).any()  # the original is left alone
