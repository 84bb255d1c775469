"""Draws the true or predicted label of an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from otx.core.drawing import canvas, caption, colour_of, with_strip, write
from otx.core.label_info import LabelInfo

SHOWN = 3
"""The most labels on a picture."""


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its best label on it and the runners-up below.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    picture, _ = canvas(image)
    texts = [caption(entry) for entry in record["labels"][:SHOWN]]
    if texts:
        write(picture, (0, 0), texts[0], colour_of(labels.names.index(record["labels"][0]["label"])))
    return with_strip(with_strip(picture, ", ".join(texts[1:]), below=True), title)
