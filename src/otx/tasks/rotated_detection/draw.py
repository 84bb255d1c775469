"""Draws true or predicted rotated boxes on an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

from otx.core.drawing import MOST_NAMED, best_last, canvas, caption, colour_of, stroke, with_strip, write
from otx.core.label_info import LabelInfo


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its rotated boxes, the best score on top.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    picture, factor = canvas(image)
    pen = ImageDraw.Draw(picture)
    entries = best_last(record["objects"])
    for entry in entries:
        colour = colour_of(labels.names.index(entry["label"]))
        corners = [value * factor for value in entry["polygon"]]
        pen.line(corners + corners[:4], fill=colour, width=stroke(picture), joint="curve")
        if len(entries) <= MOST_NAMED:
            write(picture, (entry["bbox"][0] * factor, entry["bbox"][1] * factor), caption(entry), colour)
    return with_strip(picture, title)
