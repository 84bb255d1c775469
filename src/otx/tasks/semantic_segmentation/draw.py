"""Lays true or predicted classes over an image. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image

from otx.core.drawing import canvas, colour_of, with_strip, write
from otx.core.label_info import LabelInfo
from otx.core.masks import decode_rle

OPACITY = 0.55
NAMED_SHARE = 0.004
"""Regions that are smaller than this share of the image are coloured, but not named."""
CLEAR = "background"
"""A class of this name is left as it is, so that the others stand out."""


def draw(image: Image.Image, record: Mapping[str, Any], labels: LabelInfo, title: str = "") -> Image.Image:
    """The image with each class in its colour, its name in the middle of its largest part.

    Args:
        image: The original image.
        record: Its entry of `predictions.json`, or its truth in the same form.
        labels: Classes; position gives the colour.
        title: Text above the image.
    """
    pixels = np.array(image.convert("RGB"), dtype=np.float32)
    shown = [entry for entry in record["objects"] if entry["label"].casefold() != CLEAR]
    masks = [decode_rle(entry["mask"]) for entry in shown]
    colours = [colour_of(labels.names.index(entry["label"])) for entry in shown]
    for mask, colour in zip(masks, colours, strict=True):
        inside = mask > 0
        pixels[inside] = (1 - OPACITY) * pixels[inside] + OPACITY * np.array(colour, dtype=np.float32)
    picture, factor = canvas(Image.fromarray(pixels.round().astype(np.uint8)))
    for entry, mask, colour in zip(shown, masks, colours, strict=True):
        if entry["area"] >= NAMED_SHARE * mask.size:
            x, y = _middle(mask)
            write(picture, (x * factor, y * factor), entry["label"], colour)
    return with_strip(picture, title)


def _middle(mask: np.ndarray) -> tuple[int, int]:
    """The pixel that is farthest from the border of the mask, x first."""
    depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(column), int(row)
