"""Draws true or predicted masks on an image, with the prompts that asked for them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from otx.core.drawing import canvas, colour_of, stroke, with_strip, write
from otx.core.label_info import LabelInfo
from otx.core.masks import from_json, to_pixels

OPACITY = 0.45


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its masks and their outlines, the best score on top; prompts in white.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    picture, factor = canvas(image)
    entries = sorted(record["objects"], key=lambda entry: float(entry.get("score", 1.0)))
    for entry in entries:
        _lay_mask(picture, entry["mask"], colour_of(labels.names.index(entry["label"])))
    for entry in entries:
        _mark_prompt(picture, {kind: [value * factor for value in place] for kind, place in entry["prompt"].items()})
        text = f"{entry['label']} {entry['score']:.2f}" if "score" in entry else str(entry["label"])
        left, top = (value * factor for value in entry["bbox"][:2])
        write(picture, (left, top), text, colour_of(labels.names.index(entry["label"])))
    return with_strip(picture, title)


def _lay_mask(picture: Image.Image, rle: dict[str, Any], colour: tuple[int, int, int]) -> None:
    """Tint the pixels of a mask and trace its edge, in place."""
    height, width = rle["size"]
    mask = Image.fromarray(to_pixels([from_json(rle)], (height, width))[0] * 255).resize(picture.size)
    picture.paste(colour, mask=mask.point(lambda value: round(OPACITY * 255) if value > 127 else 0))
    outlines, _ = cv2.findContours((np.asarray(mask) > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    pen = ImageDraw.Draw(picture)
    for outline in outlines:
        points = [(int(x), int(y)) for x, y in outline[:, 0]]
        pen.line([*points, points[0]], fill=colour, width=stroke(picture))


def _mark_prompt(picture: Image.Image, prompt: Mapping[str, list[float]]) -> None:
    pen, width = ImageDraw.Draw(picture), stroke(picture)
    if "bbox" in prompt:
        pen.rectangle(tuple(prompt["bbox"]), outline="white", width=max(1, width // 2))
        return
    ((x, y),) = prompt.values()
    for radius, colour in ((2.5 * width, "black"), (1.75 * width, "white")):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
