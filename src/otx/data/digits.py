"""Handwritten digits on noisy ground: what the demonstration sets of all tasks are made of. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Subset = Literal["train", "val", "test"]
Floats = npt.NDArray[np.float32]

VISIBLE = 0.25
"""Coverage from which ink counts as part of a digit."""
NAMES = tuple("0123456789")
_SHARES = {"train": (0.0, 0.6), "val": (0.6, 0.75), "test": (0.75, 1.0)}


@dataclass(frozen=True)
class Glyph:
    """One piece of handwriting.

    Attributes:
        digit: What it says, 0 to 9.
        ink: (H, W) coverage in [0, 1], cut to what is written and a margin of one empty cell.
    """

    digit: int
    ink: Floats


@dataclass(frozen=True)
class Placed:
    """A digit in an image.

    Attributes:
        digit: What it says.
        box: XYXY in pixels.
        ink: Coverage in [0, 1] of the pixels of the box.
    """

    digit: int
    box: tuple[int, int, int, int]
    ink: Floats


@cache
def handwriting(subset: Subset) -> tuple[Glyph, ...]:
    """The pieces of handwriting of a subset; no piece is in two subsets, whatever the seed of a demonstration set."""
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    start, end = (round(share * len(order)) for share in _SHARES[subset])
    return tuple(Glyph(int(digits[i]), _cut(images[i].reshape(8, 8) / 16.0)) for i in order[start:end])


def noisy_ground(rng: np.random.Generator, height: int, width: int) -> Floats:
    """(H, W, 3) background in [0, 255]: a tint with large soft blotches."""
    tint = rng.uniform(70, 185) + rng.uniform(-25, 25, size=3)
    blotches = rng.normal(0, rng.uniform(5, 18), size=(5, 5)).astype(np.float32)
    soft = np.asarray(Image.fromarray(blotches).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    return tint.astype(np.float32) + soft[..., None]


def paste(rng: np.random.Generator, ground: Floats, glyph: Glyph, size: int, corner: tuple[int, int]) -> Placed:
    """Write a digit onto the ground, darker or lighter than it is.

    Args:
        rng: Source of polarity, contrast and tint.
        ground: (H, W, 3) pixels, changed in place.
        glyph: What to write.
        size: Height in pixels, margin included.
        corner: Left and top in pixels; what `scaled` gives must fit.
    """
    ink = scaled(glyph, size)
    left, top = corner
    patch = ground[top : top + ink.shape[0], left : left + ink.shape[1]]
    step = rng.uniform(70, 150) * rng.choice([-1, 1]) + rng.uniform(-20, 20, size=3)
    patch += ink[..., None] * step.astype(np.float32)
    rows, columns = _written(ink)
    box = (left + columns.start, top + rows.start, left + columns.stop, top + rows.stop)
    return Placed(glyph.digit, box, ink[rows, columns])


def scaled(glyph: Glyph, size: int) -> Floats:
    """(size, W) coverage of a digit with its margin, at a height in pixels."""
    width = max(round(size * glyph.ink.shape[1] / glyph.ink.shape[0]), 3)
    grown = Image.fromarray(glyph.ink).resize((width, size), Image.Resampling.BICUBIC)
    return np.asarray(grown, dtype=np.float32).clip(0, 1)


def to_image(rng: np.random.Generator, ground: Floats, noise: float = 6.0) -> Image.Image:
    """The finished picture with the noise of a camera."""
    pixels = ground + rng.normal(0, noise, size=ground.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _cut(cells: npt.NDArray[np.floating]) -> Floats:
    rows, columns = _written(cells)
    return np.pad(cells[rows, columns], 1).astype(np.float32)


def _written(ink: npt.NDArray[np.floating]) -> tuple[slice, slice]:
    """Rows and columns that hold visible ink."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > VISIBLE) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
