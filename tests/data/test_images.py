"""What `read_image` shows is what is in the file, and a file that is not whole is an error that names it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from otx.data.images import BrokenImageError, image_size, read_image

PIXELS = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def save(path: Path, mode: str = "RGB", **options: object) -> Path:
    Image.fromarray(PIXELS).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.jpg", "RGB", {}),
        ("progressive.jpg", "RGB", {"progressive": True}),
        ("grey.jpg", "L", {}),
        ("a.png", "RGB", {}),
        ("grey.png", "L", {}),
        ("alpha.png", "RGBA", {}),
        ("grey_alpha.png", "LA", {}),
        ("palette.png", "P", {}),
        ("palette_alpha.png", "P", {"transparency": 3}),
        ("one_bit.png", "1", {}),
        ("a.bmp", "RGB", {}),
        ("a.tif", "RGB", {}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.gif", "RGB", {}),
        ("a.avif", "RGB", {}),
    ],
)
def test_formats_and_modes_become_rgb(tmp_path, name, mode, options) -> None:
    path = save(tmp_path / name, mode, **options)
    image = read_image(path)
    assert image.dtype == torch.uint8
    assert np.array_equal(image.permute(1, 2, 0).numpy(), np.array(Image.open(path).convert("RGB")))
    assert image.permute(1, 2, 0).is_contiguous()
    assert image_size(path) == image.shape[-2:] == (48, 64)


def test_cmyk_is_converted(tmp_path) -> None:
    path = save(tmp_path / "cmyk.jpg", "CMYK")
    expected = np.array(Image.open(path).convert("RGB")).astype(int)
    assert np.abs(read_image(path).permute(1, 2, 0).numpy() - expected).max() <= 1


@pytest.mark.parametrize(
    ("name", "least_side", "size"),
    [
        ("a.jpg", 0, (48, 64)),
        ("a.jpg", 48, (48, 64)),
        ("a.jpg", 25, (48, 64)),
        ("a.jpg", 24, (24, 32)),
        ("a.jpg", 13, (24, 32)),
        ("a.jpg", 12, (12, 16)),
        ("a.jpg", 1, (6, 8)),
        ("a.png", 25, (48, 64)),
        ("a.png", 12, (12, 16)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_is_decoded_smaller_where_that_is_enough(tmp_path, name, least_side, size, mode) -> None:
    image = read_image(save(tmp_path / name, mode), least_side=least_side)
    assert image.shape == (3, *size)
    area = 48 // size[0]
    means = torch.nn.functional.avg_pool2d(read_image(tmp_path / name).float(), area)
    assert (image.float() - means).abs().mean() < 12  # other pixels: 80


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_smaller_jpeg_is_turned_too(tmp_path, orientation) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.jpg", exif=exif, quality=95)
    means = torch.nn.functional.avg_pool2d(read_image(path).float(), 4)
    assert (read_image(path, least_side=12).float() - means).abs().mean() < 12  # other pixels: 80


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, suffix, orientation) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"turned.{suffix}", exif=exif)
    with Image.open(path) as stored:
        expected = np.array(ImageOps.exif_transpose(stored).convert("RGB"))
    assert np.array_equal(read_image(path).permute(1, 2, 0).numpy(), expected)
    assert image_size(path) == expected.shape[:2]


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_a_file_cut_short_is_an_error(tmp_path, suffix, share) -> None:
    path = save(tmp_path / f"cut.{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BrokenImageError, match=rf"cut\.{suffix}: cannot be read as an image"):
        read_image(path)


def test_a_jpeg_without_its_end_mark_is_an_error_even_if_opencv_fills_it(tmp_path, monkeypatch) -> None:
    path = save(tmp_path / "cut.jpg")
    path.write_bytes(path.read_bytes()[:-20])
    grey = np.full((48, 64, 3), 128, np.uint8)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: grey)  # what OpenCV before 4.14 does
    with pytest.raises(BrokenImageError):
        read_image(path)


def test_bytes_behind_the_image_do_not_matter(tmp_path) -> None:
    path = save(tmp_path / "more.jpg")
    whole = read_image(path)
    path.write_bytes(path.read_bytes() + b"something else")
    assert torch.equal(read_image(path), whole)


def test_a_damaged_png_is_an_error_and_not_a_crash(tmp_path) -> None:
    path = save(tmp_path / "damaged.png")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(BrokenImageError, match=r"damaged\.png"):
        read_image(path)


@pytest.mark.parametrize("read", [read_image, image_size])
def test_what_is_no_image_is_an_error(tmp_path, read) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.png").touch()
    for name in ("text.jpg", "empty.png"):
        with pytest.raises(BrokenImageError, match=f"{name}: .*not an image of a known format"):
            read(tmp_path / name)
    with pytest.raises(BrokenImageError, match="no such file"):
        read(tmp_path / "missing.jpg")
    with pytest.raises(BrokenImageError, match=str(tmp_path)):
        read(tmp_path)


def test_sizes_need_no_torch(tmp_path) -> None:
    path = save(tmp_path / "a.jpg")
    code = (
        "import sys; from pathlib import Path; from otx.data.images import image_size; "
        "print(image_size(Path(sys.argv[1])), 'torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[0] == "(48, 64) False"
