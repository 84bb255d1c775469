"""Images that are more than 8-bit pictures: TIFF of any kind by tifffile, 16-bit PNG by OpenCV, arrays by numpy.

A file is opened lazily: size and type come from its head, pixels when they are asked for. Where the file holds them
uncompressed (`.npy`, plain TIFF), a window is read without the rest.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from otx.core.input_spec import PixelFormat
from otx.core.tiles import Window
from otx.data.shards import open_data, read_data

Pixels = npt.NDArray[Any]

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
AS_FLOAT = ("float16", "float64", "int8", "int16")
"""Types that float32 holds, all but the last digits of a float64."""


@dataclass(frozen=True)
class DeepImage:
    """An open file.

    Attributes:
        height: Rows.
        width: Columns.
        channels: Number of channels.
        stored: Type of the pixels in the file.
        load: Gives the pixels of the file, (H, W, C), mapped into memory where it can be.
    """

    height: int
    width: int
    channels: int
    stored: np.dtype[Any]
    load: Callable[[], Pixels]

    @property
    def format(self) -> PixelFormat:
        """What `read` gives.

        Raises:
            ValueError: The file has pixels of a type that cannot be worked with.
        """
        dtype = "float32" if self.stored.name in AS_FLOAT else self.stored.name
        if dtype not in ("uint8", "uint16", "float32"):
            msg = f"pixels of type {dtype}; known are uint8, uint16 and float32 ({', '.join(AS_FLOAT)} become that)"
            raise ValueError(msg)
        return PixelFormat(self.channels, dtype)

    def read(self, window: Window | None = None) -> Pixels:
        """The pixels, (H, W, C) in memory of their own.

        Args:
            window: The part to read; None for the whole image.

        Raises:
            ValueError: Pixels are of an unknown type, or are no numbers.
        """
        dtype = np.dtype(self.format.dtype)
        top, left, height, width = window or Window(0, 0, self.height, self.width)
        pixels = np.array(self.load()[top : top + height, left : left + width], dtype, order="C")
        if dtype.kind == "f" and not np.isfinite(pixels).all():
            msg = f"{np.count_nonzero(~np.isfinite(pixels))} values are not finite numbers; give them a value"
            raise ValueError(msg)
        return pixels


def open_deep(path: Path) -> DeepImage | None:
    """Open a file whose pixels are not those of an 8-bit picture; None for one that is, or is no image at all.

    Raises:
        OSError: There is no such file.
        ValueError: The image has no rows, columns and channels that could be told apart.
    """
    with open_data(path) as file:
        start = file.read(4)
    if start in TIFF_STARTS:
        return _open_tiff(path)
    if path.suffix.lower() == ".npy":
        return _open_array(path)
    return _open_plain(path) if start == b"\x89PNG" or start[:1] == b"P" else None


def _open_array(path: Path) -> DeepImage:
    array = np.load(path, mmap_mode="r")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] > min(array.shape[:2])):
        raise ValueError(f"expected an array (height, width) or (height, width, channels), found {array.shape}")
    pixels = array.reshape(*array.shape[:2], -1)
    height, width, channels = pixels.shape
    return DeepImage(height, width, channels, array.dtype, lambda: pixels)


def _open_tiff(path: Path) -> DeepImage | None:
    """Samples of one page, or pages of one sample each, as channels; transparency is dropped."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        series, page = file.series[0], file.pages.first
        alpha = any(page.extrasamples)
        if len(series.pages) == 1 and _is_picture(page, alpha):
            return None
        sizes = {axis: length for axis, length in zip(series.axes, series.shape, strict=True) if length > 1}
        others = [axis for axis in sizes if axis not in "YX"]
        if len(others) > 1:
            msg = f"expected samples of one page, or pages of one sample, found {series.shape} with axes {series.axes}"
            raise ValueError(msg)
        height, width, dtype = page.imagelength, page.imagewidth, np.dtype(series.dtype)
        mapped = page.is_memmappable and series.dataoffset is not None
    stored = sizes[others[0]] if others else 1
    channels = stored - (alpha and others == ["S"])
    samples_last = not others or series.axes.endswith("S")

    def load() -> Pixels:
        whole: Pixels = tifffile.memmap(path, mode="r") if mapped else tifffile.imread(path, series=0)
        if samples_last:
            return whole.reshape(height, width, stored)[..., :channels]
        return np.moveaxis(whole.reshape(stored, height, width)[:channels], 0, -1)

    return DeepImage(height, width, channels, dtype, load)


def _is_picture(page: Any, alpha: bool) -> bool:  # noqa: ANN401 - tifffile's page
    """Whether Pillow reads a page of a TIFF as it is: 8 bits or less, grey, RGB, a palette or inks."""
    if page.dtype is None or page.dtype.itemsize > 1 or page.dtype.kind not in "ub":
        return False
    light = page.photometric.name in ("MINISBLACK", "MINISWHITE", "RGB")
    return not light or page.samplesperpixel - alpha in (1, 3)


def _open_plain(path: Path) -> DeepImage | None:
    """PNG and PGM of 16 bits; Pillow sees that they are, and would cut them to 8."""
    try:
        with open_data(path) as file, Image.open(file) as image:
            stored, (width, height) = str(image.tile[0][3]) if image.tile else "", image.size
    except UnidentifiedImageError:
        return None
    if ";16" not in stored:
        return None
    channels = 3 if "RGB" in stored else 1

    def load() -> Pixels:
        import cv2

        data = read_data(path)
        with Image.open(io.BytesIO(data)) as image:
            image.verify()  # OpenCV shows what there is of a damaged file
        flags = cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_COLOR_RGB if channels > 1 else cv2.IMREAD_GRAYSCALE)
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
        return np.asarray(pixels).reshape(height, width, channels)

    return DeepImage(height, width, channels, np.dtype(np.uint16), load)
