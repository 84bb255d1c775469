"""What an item of a data set shows: an image file, a video file, or a folder with the frames of a clip.

torch is imported when the first pixels are decoded: sizes are asked for without it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from otx.core.drawing import contact_sheet
from otx.data.frames import Frame, Medium
from otx.data.images import ImageHead, as_asked, as_picture, image_head, image_size, read_image, read_pixels
from otx.data.shards import records_below
from otx.data.tree import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_hidden
from otx.data.videos import BrokenVideoError, frame_files, is_video, read_clips, video_head

if TYPE_CHECKING:
    from torch import Tensor
    from torchvision import tv_tensors

    from otx.core.input_spec import InputSpec
    from otx.core.tiles import Window

SHEET_FRAMES = 8
"""Frames on the picture of a video."""
MOST_PIXELS = 4096
"""Of a side of a picture; larger images are shown smaller."""
WHOLE = 1 << 30
"""A step from frame to frame that is too long for any video, so that the frames are spread over the whole of it."""


def media_head(path: Path) -> ImageHead:
    """Size and pixels of an item.

    Raises:
        BrokenImageError: It cannot be read.
        MissingExtraError: It is a video, and PyAV is not installed.
    """
    return video_head(path) if is_video(path) else image_head(path)


def read_media(
    path: Medium, spec: InputSpec, *, random: bool = False, window: Window | None = None, least_side: int = 0
) -> tv_tensors.Image | tv_tensors.Video:
    """Decode what a model is to be shown of an item, in its original size unless it may be smaller.

    Args:
        path: The item, or a frame of a video for a model of images.
        spec: Of the model, which takes images or clips.
        random: Of a video one clip from anywhere, by torch's generator, as for training; else several, evenly spread.
        window: The part of an image to give; None: all of it.
        least_side: See `read_image`.

    Returns:
        (C, H, W) of an image, (K, T, C, H, W) of a video.

    Raises:
        BrokenImageError: It cannot be read, or is not of the kind that the model takes.
        MissingExtraError: It is a video, and PyAV is not installed.
    """
    if isinstance(path, Frame):
        return _frame_image(path, spec, window)
    if spec.frames == 1:
        return read_image(path, spec.pixels, window, least_side=least_side)
    if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
        msg = f"{path}: expected a video, because the model takes clips of {spec.frames} frames; found a single image"
        raise BrokenVideoError(msg)
    return read_clips(path, spec.frames, spec.frame_step, random=random, pixels=spec.pixels)


def _frame_image(frame: Frame, spec: InputSpec, window: Window | None) -> tv_tensors.Image:
    import torch
    from torchvision import tv_tensors

    top, left, height, width = window or (0, 0, *frame.pixels.shape[:2])
    try:
        pixels_HWC = as_asked(frame.pixels[top : top + height, left : left + width], spec.pixels)
    except ValueError as error:
        raise BrokenVideoError(f"{frame}: {error}") from error
    return tv_tensors.Image(torch.from_numpy(pixels_HWC).permute(2, 0, 1))


def media_size(path: Medium) -> tuple[int, int]:
    """Height and width of an image or a frame, without decoding it.

    Raises:
        BrokenImageError: It is a file that cannot be read.
    """
    return path.pixels.shape[:2] if isinstance(path, Frame) else image_size(path)


def still(path: Path) -> Path:
    """The image file whose pixels are like those of an item: itself, or the first frame of a folder."""
    return frame_files(path)[0] if path.is_dir() else path


def media_picture(path: Medium) -> Image.Image:
    """What stands for an item in a report: the image, the frame, or frames of the video side by side.

    Raises:
        BrokenImageError: It cannot be read.
    """
    if isinstance(path, Path) and is_video(path):
        (clip,) = read_clips(path, SHEET_FRAMES, WHOLE, random=True)
        return clip_picture(clip)
    pixels = path.pixels if isinstance(path, Frame) else read_pixels(path)
    step = math.ceil(max(pixels.shape[:2]) / MOST_PIXELS)
    picture = Image.fromarray(as_picture(pixels[::step, ::step]))
    picture.info["shown"] = 1 / step
    return picture


def clip_picture(clip: Tensor) -> Image.Image:
    """Frames (T, C, H, W) side by side."""
    return contact_sheet([Image.fromarray(as_picture(frame)) for frame in clip])


def media_below(folder: Path, spec: InputSpec, *, frames: bool = False) -> list[Path]:
    """What a model takes below a folder, sorted: images; or video files and folders with frames.

    The folder itself is one clip if it has frames in it. Hidden files are passed over, as in a data root.

    Args:
        folder: Searched to the bottom.
        spec: Of the model.
        frames: A model of images takes the frames of videos too.
    """
    files = [folder, *folder.rglob("*")] if spec.frames > 1 else [*folder.rglob("*")]
    files += [folder / name for name in records_below(folder)]
    shown = (path for path in files if not is_hidden(path.relative_to(folder)))
    return sorted(path for path in shown if is_medium(path, spec, frames=frames))


def is_medium(path: Path, spec: InputSpec, *, frames: bool = False) -> bool:
    """Whether a path is something that a model takes, by its name and kind; see `media_below`."""
    if spec.frames == 1:
        return path.suffix.lower() in (IMAGE_SUFFIXES | VIDEO_SUFFIXES if frames else IMAGE_SUFFIXES)
    return path.suffix.lower() in VIDEO_SUFFIXES or (path.is_dir() and _has_frames(path))


def _has_frames(folder: Path) -> bool:
    try:
        return bool(frame_files(folder))
    except BrokenVideoError:
        return False
