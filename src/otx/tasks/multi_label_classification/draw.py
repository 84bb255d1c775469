"""Draws the true or predicted labels of an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from otx.core.drawing import canvas, caption, colour_of, with_strip, write_stack
from otx.core.label_info import LabelInfo

SHOWN = 6
"""The most labels on a picture; more of them are counted below it."""


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its labels on it, best first.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    picture, _ = canvas(image)
    entries = record["labels"]
    write_stack(picture, [(caption(one), colour_of(labels.names.index(one["label"]))) for one in entries[:SHOWN]])
    below = f"and {len(entries) - SHOWN} more" if len(entries) > SHOWN else "" if entries else "no label"
    return with_strip(with_strip(picture, below, below=True), title)
