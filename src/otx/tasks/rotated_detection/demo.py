"""A set of slanted handwritten digits with rotated boxes, in DOTA's format."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from otx.core.rotated_boxes import around
from otx.data.digit_scenes import IMAGES, scene
from otx.data.digits import VISIBLE, Glyph, Placed, handwriting

SLANT = 45.0
"""The largest angle in degrees; beyond, a 6 might be a 9."""
FINER = 8
"""Glyphs are turned on so many pixels to one cell."""


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `{train,val,test}/images` and `{train,val,test}/labelTxt`; same seed, same set."""
    for number, (subset, count) in enumerate(IMAGES.items()):
        rng = np.random.default_rng((seed, number))
        glyphs = tuple(_turned(glyph, rng.uniform(-SLANT, SLANT)) for glyph in handwriting(subset))
        images, texts = root / subset / "images", root / subset / "labelTxt"
        images.mkdir(parents=True, exist_ok=True)
        texts.mkdir(parents=True, exist_ok=True)
        for index in range(1, count + 1):
            picture, digits = scene(rng, glyphs)
            picture.save(images / f"{index:04}.jpg", quality=92)
            (texts / f"{index:04}.txt").write_text("".join(map(_line, digits)))


def _turned(glyph: Glyph, degrees: float) -> Glyph:
    ink = cv2.resize(glyph.ink, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    height, width = ink.shape
    side = int(np.ceil(np.hypot(height, width)))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turn[:, 2] += ((side - width) / 2, (side - height) / 2)
    turned = cv2.warpAffine(ink, turn, (side, side))
    left, top, across, down = cv2.boundingRect((turned > VISIBLE).astype(np.uint8))
    return Glyph(glyph.digit, np.pad(turned[top : top + down, left : left + across], FINER))


def _line(digit: Placed) -> str:
    rows, columns = np.nonzero(digit.ink > VISIBLE)
    pixels = np.stack([columns, rows], axis=1) + digit.box[:2]
    corners = around(np.concatenate([pixels, pixels + 1]))
    return " ".join(f"{value:.1f}" for value in corners.ravel()) + f" {digit.digit} 0\n"
