"""What the pictures of all tasks have in common: size, colours and text. Imports no torch."""

from __future__ import annotations

import colorsys

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

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

    Returns:
        The copy, and the factor by which coordinates must be multiplied.
    """
    factor = max(1.0, _MIN_SIDE / min(image.size))
    size = (round(image.width * factor), round(image.height * factor))
    return image.convert("RGB").resize(size, Image.Resampling.BICUBIC), factor


def stroke(image: Image.Image) -> int:
    """Width of lines in pixels that suits an image."""
    return max(2, round(min(image.size) / 200))


def font(image: Image.Image) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of a size that suits an image; Pillow brings it."""
    return ImageFont.load_default(max(13, round(min(image.size) / 32)))


def write(image: Image.Image, corner: tuple[float, float], text: str, colour: Colour) -> None:
    """Write on a plate of the given colour that stands on `corner`, or hangs below it where there is no room above."""
    pen, face = ImageDraw.Draw(image), font(image)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=face)
    width, height = right - left + 6, bottom - top + 6
    x = min(max(corner[0], 0), max(image.width - width, 0))
    y = corner[1] - height if corner[1] >= height else corner[1]
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    pen.text((x + 3 - left, y + 3 - top), text, font=face, fill=_ink(colour))


def with_strip(image: Image.Image, text: str, *, below: bool = False) -> Image.Image:
    """The image with a line of text in a strip above or below it; without text, the image itself."""
    if not text:
        return image
    face = font(image)
    left, top, right, bottom = ImageDraw.Draw(image).textbbox((0, 0), text, font=face)
    height = round(bottom - top) + 12
    framed = Image.new("RGB", (max(image.width, round(right - left) + 12), image.height + height), "white")
    framed.paste(image, (0, 0 if below else height))
    ImageDraw.Draw(framed).text((6 - left, (image.height if below else 0) + 6 - top), text, font=face, fill="black")
    return framed


def _ink(colour: Colour) -> str:
    red, green, blue = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
