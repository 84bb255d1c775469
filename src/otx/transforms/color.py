"""Photometric distortion that a small machine can afford."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torchvision import tv_tensors

from otx.core.entity import SampleT
from otx.core.errors import UserError
from otx.transforms.fields import Draw, plain

Matrix = npt.NDArray[np.float64]

LUMA = np.array([0.299, 0.587, 0.114])
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
FROM_YIQ = np.linalg.inv(TO_YIQ)


@dataclass(frozen=True)
class RandomColorTwist:
    """Changes brightness, contrast, saturation and hue of an image by one matrix for all pixels.

    All four are linear maps of a pixel's colour (hue as a turn of the chroma plane of YIQ), so a single pass does what
    ColorJitter does in a dozen, and in a tenth of its time; its hue alone costs more than decoding the image.
    Images that are not of three channels have no saturation and no hue; their brightness and contrast change.

    Attributes:
        brightness: Largest relative change.
        contrast: Largest relative change, about the mean grey of the image.
        saturation: Largest relative change.
        hue: Largest turn, as a share of the full circle.
        p: Probability.

    Raises:
        UserError: A strength is negative, or beyond what leaves an image.
    """

    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.4
    hue: float = 0.02
    p: float = 0.8

    def __post_init__(self) -> None:
        limits = {"brightness": 1, "contrast": 1, "saturation": 1, "hue": 0.5}
        strengths = {name: getattr(self, name) for name in limits}
        wrong = {name: value for name, value in strengths.items() if not 0 <= value <= limits[name]}
        if wrong:
            raise UserError(f"expected strengths between 0 and 1 (hue: 0.5), got {wrong}")

    def __call__(self, sample: SampleT, draw: Draw) -> SampleT:
        """Change the colours, with probability `p`."""
        chance, *steps = torch.rand(5).tolist()
        if chance >= self.p:
            return sample
        *_, channels, _, width = sample.image.shape
        # The frames of a clip are one tall image.
        pixels_HWC = np.ascontiguousarray(plain(sample.image).movedim(-3, -1).reshape(-1, width, channels).numpy())
        largest = (self.brightness, self.contrast, self.saturation, self.hue)
        brightness, contrast, saturation, hue = (
            (2 * step - 1) * most for step, most in zip(steps, largest, strict=True)
        )
        if channels == len(LUMA):
            grey = float(np.dot(LUMA, cv2.mean(pixels_HWC)[:3]))
            matrix = color_matrix(1 + brightness, 1 + contrast, 1 + saturation, hue, grey=grey)
            changed = cv2.transform(pixels_HWC, matrix)
        else:
            changed = _light(pixels_HWC, 1 + brightness, 1 + contrast)
        return replace(sample, image=_like(sample.image, changed))


def _like(image: tv_tensors.Image | tv_tensors.Video, pixels_HWC: npt.NDArray[Any]) -> Any:  # noqa: ANN401 - as `image`
    *frames, channels, height, width = image.shape
    pixels = torch.from_numpy(pixels_HWC).view(*frames, height, width, channels).movedim(-1, -3)
    return tv_tensors.wrap(pixels, like=image)


def _light(pixels_HWC: npt.NDArray[Any], brightness: float, contrast: float) -> npt.NDArray[Any]:
    """Brightness and contrast, the latter about the mean of each channel, within what the type of the pixels holds."""
    mean = pixels_HWC.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    lit = np.float32(brightness) * (np.float32(contrast) * pixels_HWC + np.float32(1 - contrast) * mean)
    if pixels_HWC.dtype.kind == "u":
        lit = lit.round().clip(0, np.iinfo(pixels_HWC.dtype).max)
    changed: npt.NDArray[Any] = lit.astype(pixels_HWC.dtype)
    return changed


def color_matrix(brightness: float, contrast: float, saturation: float, hue: float, *, grey: float) -> Matrix:
    """The (3, 4) matrix that turns RGB and a constant 1 into the changed RGB.

    Args:
        brightness: Factor.
        contrast: Factor on the distance from `grey`.
        saturation: Factor on the distance from each pixel's own grey.
        hue: Turn as a share of the full circle.
        grey: Mean luminance of the image.
    """
    angle = 2 * math.pi * hue
    turn = np.array(
        [
            [1.0, 0.0, 0.0],
            [0.0, saturation * math.cos(angle), -saturation * math.sin(angle)],
            [0.0, saturation * math.sin(angle), saturation * math.cos(angle)],
        ]
    )
    linear = brightness * contrast * (FROM_YIQ @ turn @ TO_YIQ)
    constant = np.full((3, 1), brightness * (1 - contrast) * grey)
    matrix: Matrix = np.hstack([linear, constant])
    return matrix
