"""Pictures with truth and predictions on them, one by one or as sheets; a task's `draw` does the drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from otx.core.drawing import canvas, heated, with_strip
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.data.media import clip_picture, media_picture

if TYPE_CHECKING:
    from otx.core.entity import OTXBatchDataEntity

Record = Mapping[str, Any]
Draw = Callable[[Image.Image, Record, LabelInfo, str], Image.Image]
"""`draw(image, record, labels, title)` of a task (`TaskSpec.draw`)."""

QUALITY = 88
TILE = 420
"""Width in pixels of a picture on a sheet."""
GAP = 6


class FileNames:
    """Names for files that belong to images: the image's own, with a number where one comes twice."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def of(self, image: str) -> str:
        """A name that nobody has got yet, without suffix."""
        stem, taken = Path(image).stem, self._taken
        taken[stem] = taken.get(stem, 0) + 1
        name = stem if taken[stem] == 1 else f"{stem}-{taken[stem]}"
        while name != stem and name in taken:
            taken[stem] += 1
            name = f"{stem}-{taken[stem]}"
        taken.setdefault(name, 1)
        return name


def write_comparison(
    truths: Sequence[Record],
    predictions: Sequence[Record],
    path: Path,
    draw: Draw,
    labels: LabelInfo,
    *,
    columns: int = 2,
    picture: Callable[[Path], Image.Image] = media_picture,
) -> Path:
    """Draw a sheet of pairs: the truth on the left, the prediction on the right.

    Args:
        truths: What is on the images, in the form of `predictions.json`.
        predictions: What the model says, in the same order.
        path: The JPEG to write.
        draw: Of the task.
        labels: Of the model.
        columns: Number of pairs side by side.
        picture: Gives the image of a record.
    """
    tiles = []
    for truth, prediction in zip(truths, predictions, strict=True):
        image = picture(Path(truth["image"]))
        tiles += [draw(image, truth, labels, "truth"), draw(image, prediction, labels, "prediction")]
    return write_sheet(tiles, path, columns=2 * columns)


def write_explanations(
    prediction: Image.Image,
    image: str,
    explanations: Sequence[Record],
    maps: Sequence[npt.NDArray[np.float32]],
    path: Path,
) -> Path:
    """Draw a sheet: the prediction on an image, and each map over the image. What is no evidence is not laid over it.

    Args:
        prediction: The picture that the task's `draw` makes of it.
        image: The file.
        explanations: Its `explanations` of `scores.json`.
        maps: (H, W) of each, higher where it speaks more for the label.
        path: The JPEG to write.
    """
    tiles = [prediction]
    for entry, map_HW in zip(explanations, maps, strict=True):
        picture, _ = canvas(media_picture(Path(image)))
        text = "no better than a random map"
        if entry["evidence"]:
            heat = np.maximum(map_HW, 0) / max(float(map_HW.max()), 1e-12) * 255
            picture = heated(picture, np.asarray(cv2.resize(heat.astype(np.uint8), picture.size), np.uint8))
            text = f"insertion {entry['insertion']:.2f}, deletion {entry['deletion']:.2f}"
            text += f" (random {entry['random_insertion']:.2f}, {entry['random_deletion']:.2f})"
        tiles.append(with_strip(with_strip(picture, text, below=True), f"{entry['label']} {entry['score']:.2f}"))
    return write_sheet(tiles, path)


def write_batch(
    batch: OTXBatchDataEntity[Any], path: Path, draw: Draw, labels: LabelInfo, *, columns: int = 4, most: int = 16
) -> Path:
    """Draw a sheet of samples as the model gets them: augmented, resized, with their truth.

    Args:
        batch: Images with annotations in pixels of the model's input.
        path: The JPEG to write.
        draw: Of the task.
        labels: Of the data set.
        columns: Samples side by side.
        most: At most so many samples.
    """
    height, width = batch.images.shape[-2:]
    as_input = [ImageInfo(path=info.path, height=height, width=width) for info in batch.imgs_info]
    records = replace(batch, imgs_info=as_input).truth_records(labels)
    shown = [clip_picture(image if image.ndim > 3 else image.unsqueeze(0)) for image in batch.images[:most]]
    drawn = [draw(picture, record, labels, "") for picture, record in zip(shown, records, strict=False)]
    return write_sheet(drawn, path, columns=columns)


def write_sheet(pictures: Sequence[Image.Image], path: Path, *, columns: int = 4) -> Path:
    """Put pictures of any size on one sheet, row by row.

    Args:
        pictures: They are shrunk to one width.
        path: The JPEG to write.
        columns: Pictures in a row.
    """
    tiles = [_tile(picture) for picture in pictures]
    columns = max(1, min(columns, len(tiles)))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) + GAP for row in rows]
    sheet = Image.new("RGB", (columns * (TILE + GAP) + GAP, sum(heights) + GAP), "white")
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            sheet.paste(tile, (GAP + column * (TILE + GAP), top))
        top += height
    return save(sheet, path)


def _tile(picture: Image.Image) -> Image.Image:
    # No taller than twice its width, so that one tall picture does not stretch its whole row.
    factor = min(TILE / picture.width, 2 * TILE / picture.height)
    size = (max(1, math.floor(picture.width * factor)), max(1, math.floor(picture.height * factor)))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def save(picture: Image.Image, path: Path) -> Path:
    """Write a picture as JPEG, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").save(path, quality=QUALITY)
    return path
