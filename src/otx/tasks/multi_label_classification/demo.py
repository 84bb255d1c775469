"""A multi-label set of handwritten digits, several in an image, as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from otx.data.digits import NAMES, Glyph, Subset, handwriting, noisy_ground, paste, scaled, to_image

SIDE = 32
IMAGES: dict[Subset, int] = {"train": 1200, "val": 150, "test": 250}
HEIGHTS = (14, 16)
"""The least and the greatest height of a digit in pixels, with a margin of about a tenth on each side."""
PLACES = ((0, 0), (16, 0), (0, 16), (16, 16))
"""Left and top of the quarters of an image, each of which holds a digit or none."""
SHARES = (0.06, 0.44, 0.34, 0.13, 0.03)
"""Of images with 0, 1, 2, ... digits."""


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `images/{train,val,test}` and `{train,val,test}.csv`, a column per digit; same seed, same set."""
    for number, (subset, count) in enumerate(IMAGES.items()):
        folder = root / "images" / subset
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng((seed, number))
        with (root / f"{subset}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["image", *NAMES])
            for index in range(count):
                picture, digits = _scene(rng, handwriting(subset))
                picture.save(folder / f"{index:04}.png")
                row = [int(digit in digits) for digit in range(len(NAMES))]
                writer.writerow([f"images/{subset}/{index:04}.png", *row])


def _scene(rng: np.random.Generator, glyphs: tuple[Glyph, ...]) -> tuple[Image.Image, set[int]]:
    ground = noisy_ground(rng, SIDE, SIDE)
    digits = set()
    for place in rng.permutation(PLACES)[: rng.choice(len(SHARES), p=SHARES)]:
        glyph = glyphs[rng.integers(len(glyphs))]
        size = int(rng.integers(HEIGHTS[0], HEIGHTS[1] + 1))
        height, width = scaled(glyph, size).shape
        quarter = SIDE // 2
        left, top = (
            int(start + rng.integers(max(quarter - side, 0) + 1))
            for start, side in zip(place, (width, height), strict=True)
        )
        paste(rng, ground, glyph, size, (min(left, SIDE - width), top))
        digits.add(glyph.digit)
    return to_image(rng, ground), digits
