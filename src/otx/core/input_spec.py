"""What a model wants to be fed: the single source of pre-processing. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple, Self

from otx.core.errors import UserError


class ResizeMode(StrEnum):
    """How an image of any size becomes one of the model's size."""

    STRETCH = "stretch"
    """Both sides are scaled to the size; the aspect ratio changes."""
    LETTERBOX = "letterbox"
    """The longer side is scaled to the size, the rest is padded right and below."""
    CENTER_CROP = "center_crop"
    """The shorter side is scaled to the size divided by `crop_ratio`, then the centre is cut out."""


class PixelFormat(NamedTuple):
    """What pixels are made of.

    Attributes:
        channels: Number of channels.
        dtype: `uint8`, `uint16` or `float32`.
    """

    channels: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.channels} channel{'s' if self.channels > 1 else ''} of {self.dtype}"


RGB = PixelFormat(3, "uint8")


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """Size, resize rule and normalisation of a model's input.

    The eval transform, the normalisation inside the model, the exported graph and its metadata are built from it.

    Attributes:
        height: Rows in pixels.
        width: Columns in pixels.
        channels: Number of channels; 3 is RGB.
        mean: Per channel, on values scaled to [0, 1].
        std: Per channel, on values scaled to [0, 1].
        resize: How images are brought to the size.
        crop_ratio: Size of the centre crop relative to the resized shorter side; only for `CENTER_CROP`.
        pad_value: Value in [0, 255] of padded pixels; only for `LETTERBOX`.
        square: Whether the architecture takes square images only.
        multiple_of: Other sizes must be a multiple of this; 0 means that the size is fixed by the architecture.
        max_value: Pixel value that is scaled to 1: 255 for uint8, 4095 for 12 bits in a uint16, ...
        dtype: Type of the pixels, `uint8`, `uint16` or `float32`.
        frames: Number of frames of a clip; 1 for a model that takes single images.
        frame_step: From one frame of a clip to the next so many frames of the video; fewer where it is too short.
        object_margin: Samples are single objects, each cut out by its box enlarged by this factor (top-down models); 0:
            whole images.
        tile: Images are cut into squares of so many pixels a side, each of which is brought to the size; 0: they are
            taken whole.
        tile_overlap: Neighbouring tiles share so many pixels.
    """

    height: int
    width: int
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resize: ResizeMode = ResizeMode.STRETCH
    crop_ratio: float = 1.0
    pad_value: int = 114
    square: bool = False
    multiple_of: int = 32
    max_value: float = 255.0
    dtype: str = "uint8"
    frames: int = 1
    frame_step: int = 1
    object_margin: float = 0.0
    tile: int = 0
    tile_overlap: int = 0

    def __post_init__(self) -> None:
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            msg = f"expected mean and std of {self.channels} channels, got {len(self.mean)} and {len(self.std)} values"
            raise UserError(msg)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (self.height, self.width)

    @property
    def least_side(self) -> int:
        """Pixels that each side of an image must have for its resized sides to lose nothing."""
        return math.ceil(max(self.size) / self.crop_ratio)

    @property
    def pixels(self) -> PixelFormat:
        """What the pixels of an image must be made of."""
        return PixelFormat(self.channels, self.dtype)

    @property
    def fill(self) -> float:
        """Value of padded pixels, in units of the pixels."""
        value = self.pad_value / 255 * self.max_value
        return value if self.dtype == "float32" else round(value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input: (C, H, W), or (T, C, H, W) for clips."""
        image = (self.channels, *self.size)
        return (self.frames, *image) if self.frames > 1 else image

    def with_size(self, height: int, width: int) -> Self:
        """The same input at another size.

        Raises:
            UserError: The architecture does not take that size.
        """
        if (height, width) == self.size:
            return self
        if not self.multiple_of:
            msg = f"the input size of this model is fixed at {self.height}x{self.width}, got {height}x{width}"
            raise UserError(msg)
        if height <= 0 or width <= 0 or height % self.multiple_of or width % self.multiple_of:
            raise UserError(f"expected an input size in multiples of {self.multiple_of}, got {height}x{width}")
        if self.square and height != width:
            raise UserError(f"this model takes square images only, got an input size of {height}x{width}")
        return replace(self, height=height, width=width)

    def whole(self) -> Self:
        """The same input without cutting anything off, for tasks whose labels may lie at the border of an image."""
        if self.resize is not ResizeMode.CENTER_CROP:
            return self
        return replace(self, resize=ResizeMode.STRETCH, crop_ratio=1.0)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for checkpoints and exported models."""
        return asdict(self) | {"resize": self.resize.value}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_dict`; unknown keys are refused."""
        unknown = set(data) - {f.name for f in fields(cls)}
        if unknown:
            raise UserError(f"unknown key of an input spec: {', '.join(sorted(unknown))}")
        lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
        return cls(**(data | lists | {"resize": ResizeMode(data["resize"])}))
