"""Pictures can be read: size, colours, text that stays inside."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from otx.core.drawing import canvas, colour_of, with_strip, write


def test_small_images_are_enlarged_and_large_ones_are_left() -> None:
    small, factor = canvas(Image.new("L", (32, 48)))
    assert small.mode == "RGB"
    assert small.size == (384, 576)
    assert factor == 12.0
    assert canvas(Image.new("RGB", (800, 600)))[1] == 1.0


def test_the_first_colours_are_far_apart() -> None:
    colours = [np.array(colour_of(index)) for index in range(10)]
    assert min(np.abs(a - b).max() for a, b in itertools.combinations(colours, 2)) > 40


@pytest.mark.parametrize("corner", [(0, 0), (390, 390), (-20, 50), (200, 399)])
def test_text_leaves_a_plate_in_the_image(corner: tuple[int, int]) -> None:
    image = Image.new("RGB", (400, 400), "white")
    write(image, corner, "zebra 0.93", (255, 0, 0))
    red = (np.asarray(image) == (255, 0, 0)).all(axis=2)
    assert red.sum() > 300


def test_strips_of_any_text_are_equally_high_and_none_without_text() -> None:
    image = Image.new("RGB", (400, 300))
    assert with_strip(image, "") is image
    assert with_strip(image, "prediction, jj").height == with_strip(image, "aeo").height > 300
    assert with_strip(image, "a very long title " * 10).width > 400
