"""Scenes of handwritten digits in COCO's format, for the demonstration sets whose tasks look for objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from otx.data.digits import NAMES, Glyph, Placed, Subset, handwriting, noisy_ground, paste, scaled, to_image

SIDE = 192
IMAGES: dict[Subset, int] = {"train": 300, "val": 60, "test": 100}
HEIGHTS = (26, 78)
"""The least and the greatest height of a digit in pixels, with a margin of about a tenth on each side."""
MOST_DIGITS = 6
EMPTY_SHARE = 0.08
"""Share of images without any digit."""


CATEGORIES: Sequence[dict[str, Any]] = [{"id": index, "name": name} for index, name in enumerate(NAMES, start=1)]


def write_scenes(
    root: Path, seed: int, more: Callable[[Placed], dict[str, Any]], categories: Sequence[dict[str, Any]] = CATEGORIES
) -> None:
    """Write `images/{train,val,test}` and `annotations/instances_{train,val,test}.json`; same seed, same set.

    Args:
        root: The folder to write.
        seed: Decides the scenes.
        more: What the annotation of a digit says beyond its label and its box, or instead of them.
        categories: In COCO's form; by default a class per digit.
    """
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    for number, (subset, count) in enumerate(IMAGES.items()):
        folder = root / "images" / subset
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng((seed, number))
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for index in range(1, count + 1):
            picture, digits = scene(rng, handwriting(subset))
            name = f"{index:04}.jpg"
            picture.save(folder / name, quality=92)
            images.append({"id": index, "file_name": name, "width": SIDE, "height": SIDE})
            annotations += [_annotation(index, digit) | more(digit) for digit in digits]
        for index, annotation in enumerate(annotations, start=1):
            annotation["id"] = index
        content = {"images": images, "annotations": annotations, "categories": list(categories)}
        (root / "annotations" / f"instances_{subset}.json").write_text(json.dumps(content))


def scene(rng: np.random.Generator, glyphs: tuple[Glyph, ...]) -> tuple[Image.Image, list[Placed]]:
    """A picture with some of the glyphs, none on top of another, and where they are."""
    ground = noisy_ground(rng, SIDE, SIDE)
    placed: list[Placed] = []
    count = 0 if rng.random() < EMPTY_SHARE else int(rng.integers(1, MOST_DIGITS + 1))
    for _ in range(count):
        glyph = glyphs[rng.integers(len(glyphs))]
        size = int(rng.integers(HEIGHTS[0], HEIGHTS[1] + 1))
        height, width = scaled(glyph, size).shape
        corner = int(rng.integers(SIDE - width + 1)), int(rng.integers(SIDE - height + 1))
        if not any(_close(corner, width, height, other) for other in placed):
            placed.append(paste(rng, ground, glyph, size, corner))
    return to_image(rng, ground), placed


def _close(corner: tuple[int, int], width: int, height: int, other: Placed) -> bool:
    (left, top), (x1, y1, x2, y2) = corner, other.box
    return left < x2 and x1 < left + width and top < y2 and y1 < top + height


def _annotation(image_id: int, digit: Placed) -> dict[str, Any]:
    x1, y1, x2, y2 = digit.box
    return {
        "image_id": image_id,
        "category_id": digit.digit + 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "iscrowd": 0,
        "segmentation": [],
    }
