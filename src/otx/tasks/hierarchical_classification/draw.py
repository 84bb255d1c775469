"""Draws the true or predicted labels of an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image

from otx.core.drawing import canvas, caption, colour_of, with_strip, write_stack
from otx.core.label_info import LabelInfo


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with the paths of its labels on it, each label below its parent and further in.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    picture, _ = canvas(image)
    lines = [(_text(one, labels), colour_of(labels.names.index(one["label"]))) for one in record["labels"]]
    write_stack(picture, lines)
    return with_strip(with_strip(picture, "" if lines else "no label", below=True), title)


def _text(entry: Mapping[str, Any], labels: LabelInfo) -> str:
    depth = len(labels.path(entry["label"])) - 1
    return "   " * depth + caption(entry)
