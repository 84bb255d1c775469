"""Videos, cameras and streams frame by frame, as they come, and videos that are made of pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from otx.core.errors import require
from otx.data.videos import SLACK, opened, pixels_of, public_name

USUAL_RATE = Fraction(25)
"""Frames per second of what does not say it."""
_LIVE = re.compile(r"camera:\d+|(rtsp|https?)://.+")


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a video; `str` of it is its name, `clip.mp4#000123`.

    Attributes:
        video: The file, or the camera or stream as the user named it, without password.
        number: Counted from 0.
        rate: Frames of the video per second.
        pixels: (H, W, 3) RGB, turned as the video is to be shown.
    """

    video: str
    number: int
    rate: Fraction
    pixels: npt.NDArray[Any]

    def __str__(self) -> str:
        """The video and the number."""
        return f"{self.video}#{self.number:06}"


Medium = Path | Frame
"""What a model is shown: a file, or a frame of a video."""


def is_live(source: str) -> bool:
    """Whether it names a camera (`camera:0`) or a stream (`rtsp://`, `http(s)://`) rather than files."""
    return _LIVE.fullmatch(source) is not None


def read_frames(source: Path | str) -> Iterator[Frame]:
    """Decode frame after frame; one alone is in memory.

    Args:
        source: A video file, or what `is_live`.

    Raises:
        BrokenVideoError: It cannot be decoded, or not to its end; the frames before that are given.
        MissingExtraError: PyAV is not installed.
    """
    name, count = public_name(source), 0
    with opened(source) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or USUAL_RATE
        for count, frame in enumerate(container.decode(stream), start=1):
            yield Frame(name, count - 1, rate, np.ascontiguousarray(pixels_of(frame)))
        if count < max(stream.frames - SLACK, 1):
            raise ValueError(f"it ends after {count} of {stream.frames} frames")


class VideoWriter:
    """An H.264 video, written while its pictures come; those of another size than the first are brought to it.

    Args:
        path: The file.
        rate: Pictures per second.

    Raises:
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        require("av", "video")
        import av

        self._container: Any = av.open(str(path), "w")
        self._stream = self._container.add_stream("libx264", rate=rate)
        self._stream.pix_fmt = "yuv420p"
        self._started = False
        self._frame: Any = av.VideoFrame.from_image

    def add(self, picture: Image.Image) -> None:
        """Append a picture."""
        if not self._started:
            # The codec takes even sides only.
            self._stream.width, self._stream.height = (side + side % 2 for side in picture.size)
            self._started = True
        size = self._stream.width, self._stream.height
        self._container.mux(self._stream.encode(self._frame(picture.convert("RGB").resize(size))))

    def close(self) -> None:
        """End the file, which can be played from then on."""
        self._container.mux(self._stream.encode())
        self._container.close()
