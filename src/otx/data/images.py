"""Reads image files: one that is broken, or cannot be told in 8-bit RGB, is an error that names it.

torch is imported when the first image is decoded: sizes are asked for without it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from otx.core.errors import UserError

if TYPE_CHECKING:
    from torchvision import tv_tensors

JPEG_START = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
EXIF_ORIENTATION = 0x0112
TURNED = range(5, 9)  # Orientations that swap height and width.
DEEP_MODES = {"I", "F"}


class BrokenImageError(UserError):
    """An image file cannot be read, or its pixels have more than 8 bits; the message names the file."""


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of the image as it is shown, from the head of the file.

    Raises:
        BrokenImageError: The file cannot be opened, its head is not that of an image, or `read_image` would refuse it.
    """
    try:
        with Image.open(path) as image:
            _refuse_deep(image)
            width, height = image.size
            # Unasked, Pillow would decode a whole PNG to look for EXIF data behind the pixels.
            turned = "exif" in image.info and image.getexif().get(EXIF_ORIENTATION) in TURNED
    except Exception as error:
        raise _broken(path, error) from error
    return (width, height) if turned else (height, width)


def read_image(path: Path) -> tv_tensors.Image:
    """Decode an image file to 8-bit RGB, turned as its EXIF orientation says; transparency is dropped.

    Returns:
        (3, H, W) uint8. In memory a pixel's channels lie together, which halves the time of resizing it.

    Raises:
        BrokenImageError: The file cannot be opened, is damaged, is cut short, is not an image, or has deeper pixels.
    """
    import torch
    from torchvision import tv_tensors

    try:
        data = path.read_bytes()
        pixels_HWC = _decode_jpeg(data)
        if pixels_HWC is None:
            pixels_HWC = _decode_any(data)
    except Exception as error:
        raise _broken(path, error) from error
    return tv_tensors.Image(torch.from_numpy(pixels_HWC).permute(2, 0, 1))


def _decode_jpeg(data: bytes) -> np.ndarray | None:
    """A whole JPEG by OpenCV, in half of Pillow's time; None for anything else.

    OpenCV before 4.14 fills what is missing of a cut file with grey and says nothing, so those are left to Pillow.
    """
    import cv2

    if not (data.startswith(JPEG_START) and data.endswith(JPEG_END)):
        return None
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def _decode_any(data: bytes) -> np.ndarray:
    """Any format by Pillow, which raises where torchvision's PNG decoder would crash the process on a damaged file."""
    with Image.open(io.BytesIO(data)) as image:
        _refuse_deep(image)
        # Not np.asarray: torch wants pixels that it may write to.
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def _refuse_deep(image: Image.Image) -> None:
    """Pillow would cut pixels of 16 or 32 bits to 8 without a word."""
    modes = {image.mode, *(str(tile[3]) for tile in getattr(image, "tile", ()))}
    if any(mode in DEEP_MODES or ";16" in mode or ";32" in mode for mode in modes):
        msg = "more than 8 bits per channel; convert it to 8 bits, choosing the range of values that matters"
        raise ValueError(msg)


def _broken(path: Path, error: Exception) -> BrokenImageError:
    if isinstance(error, FileNotFoundError):
        reason = "no such file"
    elif isinstance(error, UnidentifiedImageError):
        reason = "not an image of a known format"
    else:
        reason = str(error) or type(error).__name__
    return BrokenImageError(f"{path}: cannot be read as an image: {reason}")
