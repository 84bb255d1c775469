"""A video set made of handwritten digits, whose label is how the digit moves, in class folders of small files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from otx.core.errors import require
from otx.data.digits import Glyph, Subset, handwriting, noisy_ground, paste, scaled, to_image

MOTIONS = ("down", "growing", "left", "right", "shrinking", "up")
PER_MOTION: dict[Subset, int] = {"train": 40, "val": 10, "test": 15}
SIDE = 64
FRAMES = 16
HEIGHTS = (18, 30)
"""The least and the greatest height in pixels of a digit that keeps it."""
GROWN = (34, 52)
"""Of one that has grown."""
WAY = (18, 30)
"""The shortest and the longest way in pixels."""


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `{train,val,test}/{motion}/*.mp4`; same seed, same set.

    Raises:
        MissingExtraError: PyAV, which writes videos, is not installed.
    """
    for number, (subset, count) in enumerate(PER_MOTION.items()):
        rng = np.random.default_rng((seed, number))
        glyphs = handwriting(subset)
        for motion in MOTIONS:
            folder = root / subset / motion
            folder.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                glyph = glyphs[rng.integers(len(glyphs))]
                write_video(folder / f"{motion}_{index:03}.mp4", list(_frames(rng, glyph, motion)))


def write_video(path: Path, frames: Sequence[Image.Image], rate: int = 16) -> None:
    """Write frames of one size as a video of MPEG-4, by one thread, so that the same frames make the same file.

    Raises:
        MissingExtraError: PyAV is not installed.
    """
    require("av", "video")
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(rate))
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 1_000_000
        stream.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


def _frames(rng: np.random.Generator, glyph: Glyph, motion: str) -> Iterator[Image.Image]:
    """One digit, which moves or changes its size evenly from the first frame to the last."""
    ground, contrast = noisy_ground(rng, SIDE, SIDE), int(rng.integers(1 << 31))
    small, grown = int(rng.integers(HEIGHTS[0], HEIGHTS[1] + 1)), int(rng.integers(GROWN[0], GROWN[1] + 1))
    sizes = {"growing": (small, grown), "shrinking": (grown, small)}.get(motion, (small, small))
    height, width = scaled(glyph, max(sizes)).shape
    way = min(int(rng.integers(WAY[0], WAY[1] + 1)), SIDE - max(height, width))
    across, down = {"left": (-way, 0), "right": (way, 0), "up": (0, -way), "down": (0, way)}.get(motion, (0, 0))
    # The middle of the digit, so that nothing of it leaves the picture on the way.
    x = rng.integers(max(-across, 0), SIDE - width - max(across, 0) + 1) + width / 2
    y = rng.integers(max(-down, 0), SIDE - height - max(down, 0) + 1) + height / 2
    for share in np.linspace(0, 1, FRAMES):
        size = round(sizes[0] + share * (sizes[1] - sizes[0]))
        rows, columns = scaled(glyph, size).shape
        left, top = round(x + share * across - columns / 2), round(y + share * down - rows / 2)
        picture = ground.copy()
        paste(np.random.default_rng(contrast), picture, glyph, size, (max(left, 0), max(top, 0)))
        yield to_image(rng, picture, noise=3.0)
