"""Classes are laid over the image where they are, in their colour; background is left as it is."""

from __future__ import annotations

import numpy as np
from PIL import Image

from otx.core.drawing import colour_of
from otx.core.label_info import LabelInfo
from otx.core.masks import encode_rle
from otx.tasks.semantic_segmentation.draw import OPACITY, draw

LABELS = LabelInfo(("background", "cat", "dog"))


def entry(label: str, inside: np.ndarray) -> dict:
    return {"label": label, "mask": encode_rle(inside), "area": int(inside.sum())}


def test_classes_are_tinted_and_named() -> None:
    image = Image.new("RGB", (500, 400), "white")
    dog = np.zeros((400, 500), bool)
    dog[100:300, 200:400] = True
    picture = draw(image, {"objects": [entry("background", ~dog), entry("dog", dog)]}, LABELS)
    pixels = np.asarray(picture)
    assert picture.size == image.size
    assert (pixels[~dog] == 255).all()
    tint = np.round(255 * (1 - OPACITY) + OPACITY * np.array(colour_of(2)))
    assert (pixels[110, 210] == tint).all()
    plate = np.argwhere((pixels == colour_of(2)).all(axis=2))
    assert np.abs(plate.mean(axis=0) - (200, 300)).max() < 40
    small = np.zeros_like(dog)
    small[:3, :3] = True
    unnamed = np.asarray(draw(image, {"objects": [entry("dog", small)]}, LABELS))
    assert not (unnamed == colour_of(2)).all(axis=2).any()
    assert (np.asarray(image) == 255).all()  # the original is left alone


def test_an_image_of_which_nothing_is_known_gets_its_title() -> None:
    assert draw(Image.new("L", (50, 40)), {"objects": []}, LABELS, "truth").height > 384
