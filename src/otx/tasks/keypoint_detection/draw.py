"""Draws true or predicted objects with their keypoints on an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from otx.core.drawing import best_last, canvas, caption, colour_of, stroke, with_strip, write
from otx.core.label_info import LabelInfo

LEAST_SCORE = 0.05
"""Predicted keypoints below are a guess and are left out; so is what the truth does not label."""


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with its objects, the best score on top: thin boxes, lines of the skeleton, a dot for each keypoint.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes and keypoints; the position of a keypoint gives the colour of its dot.
        title: Text above the image.
    """
    picture, factor = canvas(image)
    pen = ImageDraw.Draw(picture)
    for entry in best_last(record["objects"]):
        colour = colour_of(labels.names.index(entry["label"]))
        left, top, right, bottom = (value * factor for value in entry["bbox"])
        pen.rectangle((left, top, right, bottom), outline=colour, width=1)
        _draw_points(pen, entry["keypoints"], labels, factor, stroke(picture))
        write(picture, (left, top), caption(entry), colour)
    return with_strip(picture, title)


def _draw_points(
    pen: ImageDraw.ImageDraw, points: Sequence[Sequence[float]], labels: LabelInfo, factor: float, width: int
) -> None:
    shown = {index: (x * factor, y * factor) for index, (x, y, mark) in enumerate(points) if mark >= LEAST_SCORE}
    for one, other in labels.keypoints.edges:
        if one in shown and other in shown:
            pen.line((shown[one], shown[other]), fill="white", width=width)
    for index, (x, y) in shown.items():
        radius = 1.5 * width
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour_of(index + 1), outline="white")
