"""The best label is on the picture, the others below it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from otx.core.drawing import colour_of
from otx.core.label_info import LabelInfo
from otx.tasks.multi_class_classification.draw import draw

LABELS = LabelInfo(("cat", "dog"))


def test_labels_are_written_in_the_colour_of_the_best() -> None:
    record = {"labels": [{"label": "dog", "score": 0.9}, {"label": "cat", "score": 0.1}]}
    picture = draw(Image.new("RGB", (400, 400)), record, LABELS)
    assert picture.height > 400
    assert (np.asarray(picture) == colour_of(1)).all(axis=2).sum() > 200


def test_truth_has_no_score_and_a_title_fits_above() -> None:
    image = Image.new("RGB", (400, 400))
    plain, titled = (draw(image, {"labels": [{"label": "dog"}]}, LABELS, title) for title in ("", "truth"))
    assert plain.size == (400, 400)
    assert titled.height > 400
