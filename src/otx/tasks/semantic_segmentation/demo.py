"""A segmentation set made of handwritten digits: images, and masks with a value per class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from otx.data.digits import NAMES, VISIBLE, Glyph, Subset, handwriting, noisy_ground, paste, scaled, to_image

SIDE = 128
IMAGES: dict[Subset, int] = {"train": 300, "val": 60, "test": 80}
HEIGHTS = (32, 56)
"""The least and the greatest height of a digit in pixels, with a margin of about a tenth on each side."""
MOST_DIGITS = 6
BACKGROUND = len(NAMES)


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `images/{train,val,test}/*.jpg`, `masks/{train,val,test}/*.png` and their names; same seed, same set."""
    for number, (subset, count) in enumerate(IMAGES.items()):
        rng = np.random.default_rng((seed, number))
        folders = [root / kind / subset for kind in ("images", "masks")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for index in range(1, count + 1):
            picture, mask = _scene(rng, handwriting(subset))
            picture.save(folders[0] / f"{index:04}.jpg", quality=92)
            mask.save(folders[1] / f"{index:04}.png")
    names = dict(enumerate((*NAMES, "background")))
    (root / "dataset_meta.json").write_text(json.dumps({"label_map": names}))


def _scene(rng: np.random.Generator, glyphs: tuple[Glyph, ...]) -> tuple[Image.Image, Image.Image]:
    ground = noisy_ground(rng, SIDE, SIDE)
    mask = np.full((SIDE, SIDE), BACKGROUND, dtype=np.uint8)
    for _ in range(int(rng.integers(1, MOST_DIGITS + 1))):
        glyph = glyphs[rng.integers(len(glyphs))]
        size = int(rng.integers(HEIGHTS[0], HEIGHTS[1] + 1))
        height, width = scaled(glyph, size).shape
        left, top = int(rng.integers(SIDE - width + 1)), int(rng.integers(SIDE - height + 1))
        if (mask[top : top + height, left : left + width] == BACKGROUND).all():
            placed = paste(rng, ground, glyph, size, (left, top))
            x1, y1, x2, y2 = placed.box
            mask[y1:y2, x1:x2][placed.ink > VISIBLE] = placed.digit
    return to_image(rng, ground), Image.fromarray(mask)
