"""Draws true or predicted masks on an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image

from otx.core.drawing import MOST_NAMED, best_last, canvas, caption, colour_of, stroke, with_strip, write
from otx.core.label_info import LabelInfo
from otx.core.masks import from_json, to_pixels

OPACITY = 0.4


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its objects tinted and outlined, the best score on top.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    return with_strip(paint(image, record, labels), title)


def paint(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo) -> Image.Image:
    """The same without a strip above."""
    picture, factor = canvas(image)
    pixels = np.array(picture)
    entries = best_last(record["objects"])
    for entry in entries:
        colour = colour_of(labels.names.index(entry["label"]))
        mask = to_pixels([from_json(entry["mask"])], (image.height, image.width))[0]
        mask = cv2.resize(mask, picture.size, interpolation=cv2.INTER_NEAREST)
        inside = mask.astype(bool)
        pixels[inside] = (1 - OPACITY) * pixels[inside] + OPACITY * np.array(colour)
        outline, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(pixels, outline, -1, colour, stroke(picture))
    picture = Image.fromarray(pixels)
    for entry in entries if len(entries) <= MOST_NAMED else ():
        corner = (entry["bbox"][0] * factor, entry["bbox"][1] * factor)
        write(picture, corner, caption(entry), colour_of(labels.names.index(entry["label"])))
    return picture
