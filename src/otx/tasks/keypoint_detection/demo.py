"""A keypoint set made of handwritten digits, in COCO's format: where the ink of each digit ends on four sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from otx.data.digits import Glyph, Placed, Subset, handwriting, noisy_ground, paste, scaled, to_image

SIDE = 192
IMAGES: dict[Subset, int] = {"train": 240, "val": 40, "test": 60}
HEIGHTS = (44, 96)
"""The least and the greatest height of a digit in pixels, with a margin of about a tenth on each side."""
MOST_DIGITS = 3
EMPTY_SHARE = 0.05
"""Share of images without any digit."""
INK = 0.5
"""Coverage from which a point is the end of a stroke."""
CATEGORY = {"id": 1, "name": "digit", "keypoints": ["top", "bottom", "left", "right"], "skeleton": [[1, 2], [3, 4]]}


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `images/{train,val,test}` and `annotations/keypoints_{train,val,test}.json`; same seed, same set."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    for number, (subset, count) in enumerate(IMAGES.items()):
        folder = root / "images" / subset
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng((seed, number))
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for index in range(1, count + 1):
            picture, digits = _scene(rng, handwriting(subset))
            name = f"{index:04}.jpg"
            picture.save(folder / name, quality=92)
            images.append({"id": index, "file_name": name, "width": SIDE, "height": SIDE})
            annotations += [_annotation(index, digit) for digit in digits]
        for index, annotation in enumerate(annotations, start=1):
            annotation["id"] = index
        content = {"images": images, "annotations": annotations, "categories": [CATEGORY]}
        (root / "annotations" / f"keypoints_{subset}.json").write_text(json.dumps(content))


def _scene(rng: np.random.Generator, glyphs: tuple[Glyph, ...]) -> tuple[Image.Image, list[Placed]]:
    ground = noisy_ground(rng, SIDE, SIDE)
    placed: list[Placed] = []
    count = 0 if rng.random() < EMPTY_SHARE else int(rng.integers(1, MOST_DIGITS + 1))
    for _ in range(count):
        glyph = glyphs[rng.integers(len(glyphs))]
        size = int(rng.integers(HEIGHTS[0], HEIGHTS[1] + 1))
        height, width = scaled(glyph, size).shape
        left, top = int(rng.integers(SIDE - width + 1)), int(rng.integers(SIDE - height + 1))
        boxes = [one.box for one in placed]
        if not any(left < x2 and x1 < left + width and top < y2 and y1 < top + height for x1, y1, x2, y2 in boxes):
            placed.append(paste(rng, ground, glyph, size, (left, top)))
    return to_image(rng, ground), placed


def _annotation(image_id: int, digit: Placed) -> dict[str, Any]:
    x1, y1, x2, y2 = digit.box
    points = [(x1 + x, y1 + y, 2) for x, y in _ends(digit)]
    return {
        "image_id": image_id,
        "category_id": 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "iscrowd": 0,
        "segmentation": [],
        "keypoints": [round(value, 2) for point in points for value in point],
        "num_keypoints": len(points),
    }


def _ends(digit: Placed) -> list[tuple[float, float]]:
    """Top, bottom, left and right end of the ink: the middle of the outermost row or column that holds some."""
    ink = digit.ink > min(INK, float(digit.ink.max()) / 2)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return [
        *((float(np.flatnonzero(ink[y]).mean()) + 0.5, float(y) + 0.5) for y in (rows[0], rows[-1])),
        *((float(x) + 0.5, float(np.flatnonzero(ink[:, x]).mean()) + 0.5) for x in (columns[0], columns[-1])),
    ]
