"""Tiles with a row of handwritten digits; the faulty ones are blotted, broken, or show another digit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from otx.data.digits import Floats, Glyph, Subset, handwriting, scaled, to_image

SIDE = 96
COUNTS = {"train": 80, "good": 40, "defect": 20}
"""Images for training, normal ones for testing, and those of each kind of defect."""
PRINTED = (0, 1)
"""What a tile shows, from left to right, as a rule."""
WRONG = (4, 7, 8)
GROUND, INK = 150.0, -95.0
"""Brightness of a tile, and how much ink changes it."""
SIZE = 48
"""Height of a digit."""

Bools = npt.NDArray[np.bool_]


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `tiles/{train/good,test/*,ground_truth/*}` as MVTec AD has them; same seed, same set."""
    for number, (subset, kind, count) in enumerate(
        [("train", "good", COUNTS["train"]), ("test", "good", COUNTS["good"])]
        + [("test", kind, COUNTS["defect"]) for kind in DEFECTS]
    ):
        rng = np.random.default_rng((seed, number))
        folder = root / "tiles" / subset / kind
        masks = root / "tiles" / "ground_truth" / kind
        folder.mkdir(parents=True)
        for index in range(count):
            ink, mask = _tile(rng, "train" if subset == "train" else "test", kind)
            ground = np.full((SIDE, SIDE, 3), GROUND, np.float32) + rng.normal(0, 4) + INK * ink[..., None]
            to_image(rng, ground).save(folder / f"{index:03}.png")
            if mask.any():
                masks.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask.astype(np.uint8) * 255).save(masks / f"{index:03}_mask.png")


def _tile(rng: np.random.Generator, subset: Subset, kind: str) -> tuple[Floats, Bools]:
    """(SIDE, SIDE) coverage with ink, and where the defect is."""
    ink = np.zeros((SIDE, SIDE), np.float32)
    for place, digit in enumerate(PRINTED):
        _print(ink, _glyph(rng, subset, (digit,)), place, rng)
    mask = np.zeros((SIDE, SIDE), bool)
    if kind in DEFECTS:
        before = ink.copy()
        DEFECTS[kind](rng, ink)
        mask = np.abs(ink - before) > 0.25
    return ink, mask


def _glyph(rng: np.random.Generator, subset: Subset, digits: tuple[int, ...]) -> Glyph:
    choice = [glyph for glyph in handwriting(subset) if glyph.digit in digits]
    return choice[rng.integers(len(choice))]


def _print(ink: Floats, glyph: Glyph, place: int, rng: np.random.Generator) -> None:
    """Write a digit into the left or the right half, a pixel or two off."""
    written = scaled(glyph, SIZE)
    height, width = written.shape
    centre = SIDE // 4 + place * SIDE // 2
    left = int(np.clip(centre - width // 2 + rng.integers(-2, 3), place * SIDE // 2, (place + 1) * SIDE // 2 - width))
    top = (SIDE - height) // 2 + int(rng.integers(-2, 3))
    area = ink[top : top + height, left : left + width]
    np.maximum(area, written, out=area)


def _blot(rng: np.random.Generator, ink: Floats) -> None:
    """A spot of ink anywhere."""
    y, x = np.mgrid[:SIDE, :SIDE]
    cy, cx = rng.uniform(14, SIDE - 14, size=2)
    radii = rng.uniform(5, 10, size=2)
    np.maximum(ink, ((x - cx) / radii[0]) ** 2 + ((y - cy) / radii[1]) ** 2 < 1, out=ink)


def _broken(rng: np.random.Generator, ink: Floats) -> None:
    """A band without ink across one of the digits."""
    place, height = int(rng.integers(2)), int(rng.integers(10, 17))
    top = int(rng.integers(SIDE // 2 - 18, SIDE // 2 + 18 - height))
    ink[top : top + height, place * SIDE // 2 : (place + 1) * SIDE // 2] = 0


def _wrong(rng: np.random.Generator, ink: Floats) -> None:
    """Another digit in the place of one."""
    place = int(rng.integers(2))
    ink[:, place * SIDE // 2 : (place + 1) * SIDE // 2] = 0
    _print(ink, _glyph(rng, "test", WRONG), place, rng)


DEFECTS: dict[str, Callable[[np.random.Generator, Floats], None]] = {"blot": _blot, "broken": _broken, "wrong": _wrong}
