"""Draws where an image is anomalous. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from otx.core.drawing import Colour, canvas, caption, heated, stroke, with_strip, write
from otx.core.label_info import LabelInfo

GOOD: Colour = (40, 160, 70)
BAD: Colour = (225, 35, 50)


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image under its heat map, with the outline of what is above the threshold, boxes and the verdict.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form, which has no scores and no heat.
        labels: Normal and anomalous.
        title: Text above the image.
    """
    picture, factor = canvas(image)
    heat = _map_of(record["anomaly_map"], picture.size)
    if any("score" in entry for entry in record["labels"]):
        picture = heated(picture, heat)
    _outline(picture, heat > 127)
    pen = ImageDraw.Draw(picture)
    for entry in record.get("objects", ()):
        pen.rectangle([value * factor for value in entry["bbox"]], outline=BAD, width=stroke(picture))
    for verdict in record["labels"][:1]:
        write(picture, (0, 0), caption(verdict), GOOD if verdict["label"] == labels.names[0] else BAD)
    return with_strip(picture, title)


def _map_of(source: npt.NDArray[np.uint8] | str, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The map of a record, which is the values themselves or the file that they were written to."""
    if isinstance(source, str):
        with Image.open(Path(source)) as file:
            source = np.array(file)
    return np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_LINEAR))


def _outline(picture: Image.Image, mask: npt.NDArray[np.bool_]) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    pen = ImageDraw.Draw(picture)
    for contour in contours:
        points = [(int(x), int(y)) for x, y in contour[:, 0]]
        if len(points) > 1:
            pen.line([*points, points[0]], fill="white", width=stroke(picture))
