"""Reads image files: one that is broken is an error that names it.

8-bit pictures are RGB, whatever they are stored as. Deep pixels (16 bits, floats) and images of other numbers of
channels stay as they are. torch is imported when the first image is handed out: heads are read without it.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from otx.core.errors import UserError
from otx.core.input_spec import RGB, PixelFormat
from otx.core.tiles import Window
from otx.data.deep_images import open_deep
from otx.data.shards import open_data, read_data, record_of

if TYPE_CHECKING:
    from torch import Tensor
    from torchvision import tv_tensors

Pixels = npt.NDArray[Any]

JPEG_START = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
EXIF_ORIENTATION = 0x0112
TURNED = range(5, 9)  # Orientations that swap height and width.
REDUCED = (8, 4, 2)
"""How many times smaller libjpeg decodes."""
Image.MAX_IMAGE_PIXELS = 2**30
"""Pillow's guard against decompression bombs stops at a fifth of that, which aerial images and slides exceed."""


class BrokenImageError(UserError):
    """An image file cannot be read, or is not of the kind that is asked for; the message names the file."""


class ImageHead(NamedTuple):
    """What the head of a file says.

    Attributes:
        height: Rows, as the image is shown.
        width: Columns, as the image is shown.
        pixels: What `read_image` gives.
    """

    height: int
    width: int
    pixels: PixelFormat


def image_head(path: Path) -> ImageHead:
    """Size and pixels of an image, from the head of the file.

    Raises:
        BrokenImageError: The file cannot be opened, its head is not that of an image, or `read_image` would refuse it.
    """
    try:
        record = record_of(path)
        if record is not None and record.head is not None:
            height, width, channels, dtype = record.head
            return ImageHead(height, width, PixelFormat(channels, dtype))
        deep = open_deep(path)
        if deep is not None:
            return ImageHead(deep.height, deep.width, deep.format)
        with open_data(path) as file, Image.open(file) as image:
            width, height = image.size
            # Unasked, Pillow would decode a whole PNG to look for EXIF data behind the pixels.
            turned = "exif" in image.info and image.getexif().get(EXIF_ORIENTATION) in TURNED
    except Exception as error:
        raise _broken(path, error) from error
    return ImageHead(width, height, RGB) if turned else ImageHead(height, width, RGB)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of the image as it is shown, from the head of the file.

    Raises:
        BrokenImageError: As `image_head`.
    """
    return image_head(path)[:2]


def read_image(
    path: Path, pixels: PixelFormat | None = None, window: Window | None = None, *, least_side: int = 0
) -> tv_tensors.Image:
    """Decode an image file, turned as its EXIF orientation says; transparency is dropped.

    Args:
        path: The file.
        pixels: What the image shall be made of; None takes it as it is. Grey and RGB can stand for each other.
        window: The part to give; None: all of it.
        least_side: A whole picture is given at the half, the quarter or the eighth of its size, where no side gets
            shorter than this; a JPEG is decoded so, in a fraction of the time. 0: as large as the file has it.

    Returns:
        (C, H, W). In memory a pixel's channels lie together, which halves the time of resizing it.

    Raises:
        BrokenImageError: The file cannot be opened, is damaged, is cut short, is not an image, or has other pixels.
    """
    import torch
    from torchvision import tv_tensors

    return tv_tensors.Image(torch.from_numpy(read_pixels(path, pixels, window, least_side)).permute(2, 0, 1))


def read_pixels(
    path: Path, pixels: PixelFormat | None = None, window: Window | None = None, least_side: int = 0
) -> Pixels:
    """What `read_image` gives, as (H, W, C); needs no torch.

    Raises:
        BrokenImageError: As `read_image`.
    """
    try:
        deep = open_deep(path)
        if deep is not None:
            found = deep.read(window)
        else:
            found = _decode(read_data(path), least_side) if window is None else _cut(path, window)
        return as_asked(found, pixels)
    except Exception as error:
        raise _broken(path, error) from error


def reduction(height: int, width: int, least_side: int) -> int:
    """By how much a picture may be made smaller, 1, 2, 4 or 8 times, so that no side gets shorter than `least_side`."""
    most = min(height, width) // least_side if least_side else 1
    return next((factor for factor in REDUCED if factor <= most), 1)


def read_mask(path: Path) -> npt.NDArray[np.bool_]:
    """(H, W) what a picture of two values marks: the pixels nearer to its brightest than to black.

    Raises:
        BrokenImageError: As `read_image`.
    """
    values = read_pixels(path).max(axis=2)
    return np.asarray(values > max(1, int(values.max())) / 2)


def can_stand_for(found: PixelFormat, wanted: PixelFormat) -> bool:
    """Whether images of one kind can be read as another: grey can be repeated, RGB can become grey."""
    return found.dtype == wanted.dtype and (found == wanted or {found.channels, wanted.channels} == {1, 3})


def as_picture(image: Tensor | Pixels) -> Pixels:
    """An image of any kind as 8-bit RGB, to be looked at.

    Of more than three channels the first three are shown, of two the first. Deep pixels are stretched so that all but
    the darkest and the brightest hundredth of them can be told apart.

    Args:
        image: (C, H, W) tensor, or (H, W, C) array.

    Returns:
        (H, W, 3) uint8.
    """
    shown: Pixels = image if isinstance(image, np.ndarray) else image.permute(1, 2, 0).cpu().numpy()
    shown = shown[..., :3] if shown.shape[2] >= RGB.channels else shown[..., :1].repeat(3, axis=2)
    if shown.dtype == np.uint8:
        return np.ascontiguousarray(shown)
    low, high = np.percentile(shown, (1, 99))
    return np.asarray(np.clip((shown - low) / max(high - low, 1e-9), 0, 1) * 255, np.uint8)


def _cut(path: Path, window: Window) -> Pixels:
    top, left, height, width = window
    record = record_of(path)
    stamp = path.stat().st_mtime_ns if record is None else record.checksum
    return _last_decoded(path, stamp)[top : top + height, left : left + width].copy()


@lru_cache(maxsize=1)
def _last_decoded(path: Path, changed: int) -> Pixels:  # noqa: ARG001 - a file that has changed is another one
    """The tiles of an image are mostly asked for one after the other."""
    return _decode(read_data(path))


def _decode(data: bytes, least_side: int = 0) -> Pixels:
    """A whole JPEG by OpenCV, in half of Pillow's time, or in less where it may be smaller; anything else by Pillow.

    OpenCV before 4.14 fills what is missing of a cut file with grey and says nothing. Pillow raises where torchvision's
    PNG decoder would crash the process on a damaged file.
    """
    import cv2

    if data.startswith(JPEG_START) and data.endswith(JPEG_END):
        flag = 0
        if least_side:
            with Image.open(io.BytesIO(data)) as image:  # reads the head
                factor = reduction(image.height, image.width, least_side)
            flag = getattr(cv2, f"IMREAD_REDUCED_GRAYSCALE_{factor}", 0)
        pixels_HWC: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | flag)
        if pixels_HWC is not None:
            return pixels_HWC
    with Image.open(io.BytesIO(data)) as image:
        # Not np.asarray: torch wants pixels that it may write to.
        whole = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    height, width = whole.shape[:2]
    factor = reduction(height, width, least_side)
    if factor == 1:
        return whole
    return cv2.resize(whole, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)


def as_asked(found_HWC: Pixels, wanted: PixelFormat | None) -> Pixels:
    """Pixels (H, W, C) of the kind that a model takes.

    Raises:
        ValueError: They cannot stand for it.
    """
    import cv2

    found = PixelFormat(found_HWC.shape[2], found_HWC.dtype.name)
    if wanted is None or found == wanted:
        return found_HWC
    if not can_stand_for(found, wanted):
        raise ValueError(f"expected {wanted}, found {found}")
    if wanted.channels == 1:
        return cv2.cvtColor(found_HWC, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    return found_HWC.repeat(wanted.channels, axis=2)


def _broken(path: Path, error: Exception) -> BrokenImageError:
    if isinstance(error, FileNotFoundError):
        reason = "no such file"
    elif isinstance(error, UnidentifiedImageError):
        reason = "not an image of a known format"
    else:
        reason = str(error) or type(error).__name__
    return BrokenImageError(f"{path}: cannot be read as an image: {reason}")
