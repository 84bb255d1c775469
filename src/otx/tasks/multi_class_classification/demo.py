"""A classification set of handwritten digits, in ImageNet-like folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from otx.data.digits import NAMES, Subset, handwriting, noisy_ground, paste, scaled, to_image

SUBSETS: tuple[Subset, ...] = ("train", "val", "test")
SIDES = (32, 48)
"""The least and the greatest side of an image in pixels."""


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `{train,val,test}/{0..9}/*.png`, one digit per image; same seed, same set."""
    for number, subset in enumerate(SUBSETS):
        rng = np.random.default_rng((seed, number))
        for name in NAMES:
            (root / subset / name).mkdir(parents=True, exist_ok=True)
        for index, glyph in enumerate(handwriting(subset)):
            side = int(rng.integers(SIDES[0], SIDES[1] + 1))
            ground = noisy_ground(rng, side, side)
            size = int(rng.integers(side * 5 // 8, side + 1))
            height, width = scaled(glyph, size).shape
            corner = int(rng.integers(max(side - width, 0) + 1)), int(rng.integers(side - height + 1))
            paste(rng, ground, glyph, size, corner)
            to_image(rng, ground).save(root / subset / NAMES[glyph.digit] / f"{index:04}.png")
