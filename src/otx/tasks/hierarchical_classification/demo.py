"""A hierarchical set of handwritten digits: even or odd, which digit it is, and whether it is underlined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from otx.data.digits import NAMES, Glyph, Subset, handwriting, noisy_ground, paste, scaled, to_image

SUBSETS: tuple[Subset, ...] = ("train", "val", "test")
SIDE = 32
HEIGHTS = (22, 26)
"""The least and the greatest height of a digit in pixels, with a margin of about a tenth on each side."""
LINED_SHARE = 0.4
"""Share of images whose digit is underlined."""
PARITIES = ("even", "odd")
LABELS = (*PARITIES, *NAMES, "underlined")


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `images/{train,val,test}` and `annotations/{train,val,test}.json` of Datumaro; same seed, same set."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    for number, subset in enumerate(SUBSETS):
        folder = root / "images" / subset
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng((seed, number))
        items = []
        for index, glyph in enumerate(handwriting(subset)):
            lined = bool(rng.random() < LINED_SHARE)
            _picture(rng, glyph, lined=lined).save(folder / f"{index:04}.png")
            items.append(_item(f"{index:04}", [NAMES[glyph.digit], *(["underlined"] if lined else [])]))
        content = {"dm_format_version": "1.0", "infos": {}, "categories": _categories(), "items": items}
        (root / "annotations" / f"{subset}.json").write_text(json.dumps(content))


def _picture(rng: np.random.Generator, glyph: Glyph, *, lined: bool) -> Image.Image:
    ground = noisy_ground(rng, SIDE, SIDE)
    size = int(rng.integers(HEIGHTS[0], HEIGHTS[1] + 1))
    width = scaled(glyph, size).shape[1]
    paste(rng, ground, glyph, size, (int(rng.integers(SIDE - width + 1)), 1))
    if lined:
        top = int(rng.integers(size, SIDE - 4))
        ground[top : top + 2, 3:-3] += rng.choice([-1, 1]) * rng.uniform(70, 130)
    return to_image(rng, ground)


def _item(name: str, labels: list[str]) -> dict[str, Any]:
    annotations = [
        {"id": 0, "type": "label", "attributes": {}, "group": 0, "label_id": LABELS.index(label)} for label in labels
    ]
    return {"id": name, "annotations": annotations, "image": {"path": f"{name}.png", "size": [SIDE, SIDE]}}


def _categories() -> dict[str, Any]:
    members = {"parity": PARITIES, "even digit": NAMES[::2], "odd digit": NAMES[1::2], "line": ("underlined",)}
    parents = {name: PARITIES[int(name) % 2] for name in NAMES}
    return {
        "label": {
            "labels": [{"name": name, "parent": parents.get(name, ""), "attributes": []} for name in LABELS],
            "label_groups": [
                {"name": name, "group_type": "exclusive", "labels": list(labels)} for name, labels in members.items()
            ],
        }
    }
