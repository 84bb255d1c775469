"""Boxes are drawn where they are, in the colour of their class."""

from __future__ import annotations

import numpy as np
from PIL import Image

from otx.core.drawing import colour_of
from otx.core.label_info import LabelInfo
from otx.tasks.detection.draw import draw

LABELS = LabelInfo(("cat", "dog"))


def test_predictions_and_truth_are_drawn() -> None:
    image = Image.new("RGB", (500, 400))
    record = {"objects": [{"label": "dog", "score": 0.9, "bbox": [100.0, 80.0, 300.0, 200.0]}]}
    picture = draw(image, record, LABELS)
    assert picture.size == image.size
    marked = np.argwhere((np.asarray(picture) == colour_of(1)).all(axis=2))
    assert marked[:, 0].max() == 200
    assert (marked[:, 1].min(), marked[:, 1].max()) == (100, 300)
    truth = {"objects": [{"label": "dog", "bbox": [100.0, 80.0, 300.0, 200.0]}]}
    assert np.abs(np.asarray(draw(image, truth, LABELS)).astype(int) - np.asarray(picture)).sum() > 0
    assert not np.asarray(image).any()  # the original is left alone


def test_an_image_without_objects_gets_its_title() -> None:
    assert draw(Image.new("L", (50, 40)), {"objects": []}, LABELS, "truth").height > 384
