"""Draws true or predicted masks on an image, with the prompts that asked for them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw

from otx.core.drawing import stroke, with_strip
from otx.core.label_info import LabelInfo
from otx.tasks.instance_segmentation.draw import paint


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its objects tinted and outlined, the best score on top; prompts in white.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    picture = paint(image, record, labels)
    factor = picture.width / image.width
    for entry in record["objects"]:
        _mark_prompt(picture, {kind: [value * factor for value in place] for kind, place in entry["prompt"].items()})
    return with_strip(picture, title)


def _mark_prompt(picture: Image.Image, prompt: Mapping[str, list[float]]) -> None:
    pen, width = ImageDraw.Draw(picture), stroke(picture)
    if "bbox" in prompt:
        pen.rectangle(tuple(prompt["bbox"]), outline="white", width=max(1, width // 2))
        return
    ((x, y),) = prompt.values()
    for radius, colour in ((2.5 * width, "black"), (1.75 * width, "white")):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
