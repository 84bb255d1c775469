"""What the pictures of all tasks have in common: size, colours and text. Imports no torch."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

HEAT = 0.55
"""How much of a picture the hottest colour of a map covers."""
MOST_NAMED = 25
"""In a crowd the names would hide the objects; the colours remain."""
_MIN_SIDE = 384
_GOLDEN_RATIO = 0.618034


def colour_of(index: int) -> Colour:
    """The colour of a class: the same in each picture, and far from those of the classes beside it."""
    hue = (0.58 + index * _GOLDEN_RATIO) % 1.0
    lightness = (0.5, 0.38, 0.66)[index // 8 % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)


def canvas(image: Image.Image) -> tuple[Image.Image, float]:
    """A copy in RGB, enlarged where it is too small to write on.

    Args:
        image: Its `info` may say that it is a shrunk one: `shown`, the factor from the original to it.

    Returns:
        The copy, and the factor by which coordinates must be multiplied.
    """
    factor = max(1.0, _MIN_SIDE / min(image.size))
    size = (round(image.width * factor), round(image.height * factor))
    return image.convert("RGB").resize(size, Image.Resampling.BICUBIC), factor * image.info.get("shown", 1.0)


def caption(entry: Mapping[str, Any]) -> str:
    """The label of an entry of `predictions.json`, with its score; the truth has none."""
    return f"{entry['label']} {entry['score']:.2f}" if "score" in entry else str(entry["label"])


def best_last(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Objects in the order in which they are drawn, so that the best score is on top."""
    return sorted(entries, key=lambda entry: float(entry.get("score", 1.0)))


def stroke(image: Image.Image) -> int:
    """Width of lines in pixels that suits an image."""
    return max(2, round(min(image.size) / 200))


def font(image: Image.Image) -> Font:
    """A font of a size that suits an image, also when it is shrunk to a tile of a sheet; Pillow brings it."""
    return _font(max(13, round(max(image.size) / 44)))


@lru_cache
def _font(size: int) -> Font:
    # Kept: to read it and to shape its letters for the first time takes as long as to decode a small image.
    return ImageFont.load_default(size)


def write(image: Image.Image, corner: tuple[float, float], text: str, colour: Colour) -> None:
    """Write on a plate of the given colour that stands on `corner`, or hangs below it where there is no room above."""
    pen, face = ImageDraw.Draw(image), font(image)
    width, height = pen.textlength(text, font=face) + 6, _line_height(pen, face)
    x = min(max(corner[0], 0), max(image.width - width, 0))
    y = corner[1] - height if corner[1] >= height else corner[1]
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    pen.text((x + 3, y + height / 2), text, font=face, fill=_ink(colour), anchor="lm")


def write_stack(image: Image.Image, lines: Sequence[tuple[str, Colour]]) -> None:
    """Write texts on plates of their colours, one below the other from the upper left corner."""
    height = _line_height(ImageDraw.Draw(image), font(image))
    for number, (text, colour) in enumerate(lines, start=1):
        write(image, (0, number * height), text, colour)


def with_strip(image: Image.Image, text: str, *, below: bool = False) -> Image.Image:
    """The image with a line of text in a strip above or below it; without text, the image itself."""
    if not text:
        return image
    face, ruler = font(image), ImageDraw.Draw(image)
    height = _line_height(ruler, face) + 8
    width = max(image.width, round(ruler.textlength(text, font=face)) + 12)
    framed = Image.new("RGB", (width, image.height + height), "white")
    framed.paste(image, (0, 0 if below else height))
    middle = (image.height if below else 0) + height / 2
    ImageDraw.Draw(framed).text((6, middle), text, font=face, fill="black", anchor="lm")
    return framed


def heated(picture: Image.Image, heat_HW: npt.NDArray[np.uint8]) -> Image.Image:
    """A picture under a map of its size: hot pixels are covered by their colour, cold ones are left as they are."""
    colours = cv2.applyColorMap(heat_HW, cv2.COLORMAP_TURBO)[..., ::-1]
    cover = HEAT * (heat_HW[..., None] / 255.0)
    return Image.fromarray((np.asarray(picture) * (1 - cover) + colours * cover).astype(np.uint8))


def contact_sheet(frames: Sequence[Image.Image], columns: int = 4) -> Image.Image:
    """Frames of one size side by side, row by row, as one picture."""
    gap = max(1, frames[0].width // 64)
    width, height = (side + gap for side in frames[0].size)
    columns = min(columns, len(frames))
    sheet = Image.new("RGB", (columns * width - gap, -(-len(frames) // columns) * height - gap), "white")
    for place, frame in enumerate(frames):
        sheet.paste(frame, (place % columns * width, place // columns * height))
    return sheet


def _line_height(pen: ImageDraw.ImageDraw, face: Font) -> int:
    # The same for every text, so that pictures side by side line up.
    _, top, _, bottom = pen.textbbox((0, 0), "Ag", font=face)
    return round(bottom - top) + 6


def _ink(colour: Colour) -> str:
    red, green, blue = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
