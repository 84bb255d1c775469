"""Draws true or predicted boxes on an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

from otx.core.drawing import best_last, canvas, caption, colour_of, stroke, with_strip, write
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
    for entry in best_last(record["objects"]):
        colour = colour_of(labels.names.index(entry["label"]))
        left, top, right, bottom = (value * factor for value in entry["bbox"])
        pen.rectangle((left, top, right, bottom), outline=colour, width=stroke(picture))
        write(picture, (left, top), caption(entry), colour)
    return with_strip(picture, title)
