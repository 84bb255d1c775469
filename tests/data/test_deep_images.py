"""Images of any depth and number of channels are read as they are, or refused by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from otx.core.input_spec import RGB, PixelFormat
from otx.data.deep_images import open_deep
from otx.data.images import BrokenImageError, as_picture, image_head, image_size, read_image

DEEP = np.random.default_rng(0).integers(0, 4096, (24, 32, 5)).astype(np.uint16)


def write(path: Path, name: str) -> tuple[Path, np.ndarray]:
    """A file of some kind, and the pixels that should come out of it."""
    five, grey, rgb, eight = DEEP, DEEP[..., :1], DEEP[..., :3], (DEEP >> 4).astype(np.uint8)
    floats = DEEP.astype(np.float32) / 7
    made = {
        "grey.png": (lambda file: cv2.imwrite(str(file), grey), grey),
        "rgb.png": (lambda file: cv2.imwrite(str(file), rgb[..., ::-1]), rgb),
        "alpha.png": (lambda file: cv2.imwrite(str(file), DEEP[..., [2, 1, 0, 3]]), rgb),
        "grey.pgm": (lambda file: cv2.imwrite(str(file), grey), grey),
        "grey.tif": (lambda file: tifffile.imwrite(file, grey[..., 0]), grey),
        "packed.tif": (lambda file: tifffile.imwrite(file, grey[..., 0], compression="zlib"), grey),
        "rgb.tif": (lambda file: tifffile.imwrite(file, rgb, photometric="rgb"), rgb),
        "alpha.tif": (lambda file: tifffile.imwrite(file, DEEP[..., :4], photometric="rgb", extrasamples=[2]), rgb),
        "near_red.tif": (
            lambda file: tifffile.imwrite(file, DEEP[..., :4], photometric="rgb", extrasamples=[0]), DEEP[..., :4]),
        "samples.tif": (
            lambda file: tifffile.imwrite(file, five, photometric="minisblack", planarconfig="contig"), five),
        "planes.tif": (
            lambda file: tifffile.imwrite(
                file, np.moveaxis(five, 2, 0), photometric="minisblack", planarconfig="separate"), five),
        "pages.tif": (lambda file: tifffile.imwrite(file, np.moveaxis(five, 2, 0), photometric="minisblack"), five),
        "eight.tif": (lambda file: tifffile.imwrite(file, np.moveaxis(eight, 2, 0), photometric="minisblack"), eight),
        "float.tif": (lambda file: tifffile.imwrite(file, floats[..., 0]), floats[..., :1]),
        "signed.tif": (
            lambda file: tifffile.imwrite(file, grey[..., 0].astype(np.int16) - 1000),
            grey.astype(np.float32) - 1000),
        "five.npy": (lambda file: np.save(file, five), five),
        "flat.npy": (lambda file: np.save(file, floats[..., 0].astype(np.float64)), floats[..., :1]),
    }  # fmt: skip
    make, pixels = made[name]
    make(path / name)
    return path / name, pixels


KINDS = [
    "grey.png",
    "rgb.png",
    "alpha.png",
    "grey.pgm",
    "grey.tif",
    "packed.tif",
    "rgb.tif",
    "alpha.tif",
    "near_red.tif",
    "samples.tif",
    "planes.tif",
    "pages.tif",
    "eight.tif",
    "float.tif",
    "signed.tif",
    "five.npy",
    "flat.npy",
]


@pytest.mark.parametrize("name", KINDS)
def test_pixels_are_those_of_the_file(tmp_path, name) -> None:
    path, pixels = write(tmp_path, name)
    image = read_image(path)
    assert np.array_equal(image.permute(1, 2, 0).numpy(), pixels)
    assert image.permute(1, 2, 0).is_contiguous()
    assert image_head(path) == (24, 32, PixelFormat(pixels.shape[2], pixels.dtype.name))
    assert image_size(path) == (24, 32)


@pytest.mark.parametrize("name", KINDS)
def test_windows_are_parts_of_the_whole(tmp_path, name) -> None:
    path, pixels = write(tmp_path, name)
    assert np.array_equal(open_deep(path).read((3, 5, 10, 20)), pixels[3:13, 5:25])


@pytest.mark.parametrize("name", ["grey.png", "pages.tif", "packed.tif", "five.npy"])
def test_a_damaged_file_is_an_error(tmp_path, name) -> None:
    path, _ = write(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(BrokenImageError, match=f"{name}: cannot be read as an image"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("wide.npy", np.zeros((8, 8), np.int32), "pixels of type int32; known are uint8"),
        ("first.npy", np.zeros((5, 30, 40), np.uint16), r"expected an array \(height, width\)"),
        ("hole.npy", np.array([[1.0, np.nan]] * 2, np.float32), "2 values are not finite numbers"),
        ("film.tif", np.zeros((4, 8, 8, 3), np.uint8), "expected samples of one page, or pages of one sample"),
    ],
)
def test_what_cannot_be_worked_with_is_refused(tmp_path, name, array, message) -> None:
    np.save(tmp_path / name, array) if name.endswith("npy") else tifffile.imwrite(tmp_path / name, array)
    with pytest.raises(BrokenImageError, match=message):
        read_image(tmp_path / name)


def test_grey_and_rgb_stand_for_each_other_and_nothing_else(tmp_path) -> None:
    Image.fromarray((DEEP[..., 0] >> 4).astype(np.uint8)).save(tmp_path / "grey8.png")
    three, one = read_image(tmp_path / "grey8.png"), read_image(tmp_path / "grey8.png", PixelFormat(1, "uint8"))
    assert torch.equal(one.expand(3, -1, -1), three)
    path, pixels = write(tmp_path, "grey.tif")
    repeated = read_image(path, PixelFormat(3, "uint16"))
    assert np.array_equal(repeated[2].numpy(), pixels[..., 0])
    for wanted in (RGB, PixelFormat(5, "uint16")):
        with pytest.raises(BrokenImageError, match=f"expected {wanted}, found 1 channel of uint16"):
            read_image(path, wanted)


def test_pictures_show_dark_images(tmp_path) -> None:
    path, _ = write(tmp_path, "pages.tif")
    picture = as_picture(read_image(path))
    assert (picture.shape, picture.dtype) == ((24, 32, 3), np.uint8)
    assert picture.mean() > 100
    eight = np.full((4, 4, 3), 7, np.uint8)
    assert np.array_equal(as_picture(eight), eight)
