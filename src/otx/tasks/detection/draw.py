"""Draws true or predicted boxes on an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

from otx.core.drawing import canvas, colour_of, stroke, with_strip, write
from otx.core.label_info import LabelInfo


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its boxes, the best score on top.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    picture, factor = canvas(image)
    pen = ImageDraw.Draw(picture)
    for entry in sorted(record["objects"], key=lambda entry: float(entry.get("score", 1.0))):
        colour = colour_of(labels.names.index(entry["label"]))
        left, top, right, bottom = (value * factor for value in entry["bbox"])
        pen.rectangle((left, top, right, bottom), outline=colour, width=stroke(picture))
        text = f"{entry['label']} {entry['score']:.2f}" if "score" in entry else str(entry["label"])
        write(picture, (left, top), text, colour)
    return with_strip(picture, title)
