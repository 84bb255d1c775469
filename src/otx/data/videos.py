"""Reads clips of videos: from files by PyAV, in bounded memory, or from folders with one image per frame.

A clip is T frames; shapes: K clips of a video, H and W in pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from otx.core.errors import OTXError, require
from otx.core.input_spec import RGB, PixelFormat
from otx.data.images import BrokenImageError, ImageHead, image_head, read_pixels
from otx.data.tree import IMAGE_SUFFIXES, VIDEO_SUFFIXES

if TYPE_CHECKING:
    from torchvision import tv_tensors

Pixels = npt.NDArray[Any]
Choose = Callable[[int], list[list[int]]]
"""From the number of frames of a video to the frames of each clip."""

CLIPS = 3
"""Clips of a video in evaluation, spread evenly over it; their scores are averaged."""
SEEK_FROM = 48
"""Frames that are decoded and thrown away rather than sought over: as many as lie between key frames as a rule."""
PATIENCE = 10.0
"""Seconds without a picture after which a stream has ended."""
SLACK = 8
"""Frames at the end that a container may count but not show."""


class BrokenVideoError(BrokenImageError):
    """A video cannot be decoded, or not to its end; the message names the file."""


def is_video(path: Path) -> bool:
    """Whether a path is a video file by its name, or a folder, which is to hold the frames of a clip."""
    return path.suffix.lower() in VIDEO_SUFFIXES or path.is_dir()


def video_head(path: Path) -> ImageHead:
    """Size and pixels of a video, from its first frame.

    Raises:
        BrokenVideoError: It cannot be decoded.
        MissingExtraError: PyAV is not installed.
    """
    if path.is_dir():
        return image_head(frame_files(path)[0])
    with opened(path) as container:
        height, width, _ = next(map(pixels_of, container.decode(video=0))).shape
        return ImageHead(height, width, RGB)


def read_clips(
    path: Path, frames: int, step: int, *, random: bool, pixels: PixelFormat | None = None
) -> tv_tensors.Video:
    """Decode clips of a video; frames that no clip shows are sought over where they are many, and never kept.

    Args:
        path: A video file, or a folder of frames.
        frames: Frames of a clip.
        step: From one frame of a clip to the next so many frames of the video; fewer where it is too short.
        random: One clip from anywhere, by torch's generator; else `CLIPS` clips from the start to the end.
        pixels: What frames in a folder shall be made of (`read_image`); files give 8-bit RGB.

    Returns:
        (K, T, C, H, W), in memory with the channels of a pixel together.

    Raises:
        BrokenVideoError: It cannot be decoded, or ends before its time.
        MissingExtraError: PyAV is not installed.
    """
    import torch
    from torchvision import tv_tensors

    def choose(length: int) -> list[list[int]]:
        return clip_positions(length, frames, step, random=random)

    clips_KTHWC = _read_folder(path, choose, pixels) if path.is_dir() else _read_file(path, choose)
    return tv_tensors.Video(torch.from_numpy(clips_KTHWC).movedim(-1, -3))


def clip_positions(length: int, frames: int, step: int, *, random: bool) -> list[list[int]]:
    """Which frames of a video each clip shows; frames are repeated where the video has too few."""
    import torch

    window = min(length, (frames - 1) * step + 1)
    last = length - window
    starts = [int(torch.randint(last + 1, ()))] if random else [last * clip // (CLIPS - 1) for clip in range(CLIPS)]
    return [[start + round(i * (window - 1) / max(frames - 1, 1)) for i in range(frames)] for start in starts]


def frame_files(folder: Path) -> list[Path]:
    """The frames of a clip in the order of their numbers; hidden ones and links that lead out of it are none.

    Raises:
        BrokenVideoError: There is no image in the folder.
    """
    shown = (file for file in folder.iterdir() if not file.name.startswith("."))
    files = [file for file in shown if file.suffix.lower() in IMAGE_SUFFIXES]
    inside = [file for file in files if not file.is_symlink() or file.resolve().parent == folder.resolve()]
    if not inside:
        raise BrokenVideoError(f"{folder}: cannot be read as a clip: there is no image in it")
    return sorted(inside, key=lambda file: ([int(number) for number in re.findall(r"\d+", file.stem)], file.name))


def _read_folder(path: Path, choose: Choose, pixels: PixelFormat | None) -> Pixels:
    files = frame_files(path)
    clips = choose(len(files))
    shown = {at: read_pixels(files[at], pixels) for at in {at for clip in clips for at in clip}}
    if len({frame.shape for frame in shown.values()}) > 1:
        raise BrokenVideoError(f"{path}: cannot be read as a clip: its frames differ in size")
    return np.array([[shown[at] for at in clip] for clip in clips])


def _read_file(path: Path, choose: Choose) -> Pixels:
    with opened(path) as container:
        length = container.streams.video[0].frames or _count(container)
        clips = choose(max(length, 1))
        shown = _decode(container, sorted({at for clip in clips for at in clip}), length)
        return np.array([[shown[at] for at in clip] for clip in clips])


def _count(container: Any) -> int:  # noqa: ANN401 - PyAV's own class, whose import is optional
    """Number of frames where the container does not say it: its packets are counted, and none is decoded."""
    count = sum(1 for packet in container.demux(video=0) if packet.size)
    container.seek(0)
    return count


def _decode(container: Any, positions: Sequence[int], length: int) -> dict[int, Pixels]:  # noqa: ANN401
    """The frames at the given positions, which ascend."""
    stream = container.streams.video[0]
    rate, start = stream.average_rate, stream.start_time
    timed = bool(rate and stream.time_base) and start is not None  # raw streams know no times
    decoded: Iterator[Any] = container.decode(stream)
    shown: dict[int, Pixels] = {}
    at, frame = -1, None
    for position in positions:
        if timed and position - at > SEEK_FROM:
            container.seek(start + int(position / rate / stream.time_base), stream=stream)
            decoded = container.decode(stream)
        while at < position and (found := next(decoded, None)) is not None:
            frame = found
            at = round((frame.pts - start) * stream.time_base * rate) if timed else at + 1
        if frame is None or at < min(position, length - SLACK):
            raise ValueError(f"it ends after {at + 1} of {length} frames")
        shown[position] = pixels_of(frame)
    return shown


def pixels_of(frame: Any) -> Pixels:  # noqa: ANN401 - PyAV's own class
    """(H, W, 3) RGB, turned as the video is to be shown."""
    return np.rot90(frame.to_ndarray(format="rgb24"), getattr(frame, "rotation", 0) // 90)


@contextmanager
def opened(source: Path | str) -> Iterator[Any]:
    """A container of PyAV; what goes wrong with it is the source's fault, and is told with its name.

    Args:
        source: A file; or, as text, `camera:N` or the address of a stream.

    Raises:
        BrokenVideoError: It cannot be opened, or what was done with it went wrong.
        MissingExtraError: PyAV is not installed.
    """
    require("av", "video")
    import av

    place, how = _way_in(source)
    try:
        with av.open(place, **how) as container:
            if not container.streams.video:
                msg = "it has no pictures"
                raise ValueError(msg)  # noqa: TRY301 - told like all that is wrong with a file
            yield container
    except OTXError:
        raise
    except Exception as error:
        reason = str(error).replace(place, public_name(source)) or type(error).__name__
        if isinstance(error, FileNotFoundError):
            reason = "no such file" if isinstance(source, Path) else f"there is no {place}"
        raise BrokenVideoError(f"{public_name(source)}: cannot be read as a video: {reason}") from error


def public_name(source: Path | str) -> str:
    """How a video, camera or stream is named in results and messages: without user and password."""
    return re.sub(r"(?<=://)[^/?#]*@", "", source) if isinstance(source, str) else str(source)


def _way_in(source: Path | str) -> tuple[str, dict[str, Any]]:
    """What PyAV opens, and how."""
    if isinstance(source, Path):
        return str(source), {}
    if source.startswith("camera:"):
        return f"/dev/video{source.removeprefix('camera:')}", {"format": "v4l2"}
    return source, {"timeout": PATIENCE}
