"""Writes what `otx predict` finds while it finds it: a stream without end takes no more memory than a picture."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from otx.core.atomic import replacing_list
from otx.core.label_info import LabelInfo
from otx.data.frames import Frame, Medium, VideoWriter
from otx.data.media import media_picture
from otx.report.pictures import Draw, FileNames, save

THREADS = max(1, len(os.sched_getaffinity(0)) // 2)
"""That draw pictures, beside those that predict."""


@contextmanager
def write_predictions(
    folder: Path, draw: Draw, labels: LabelInfo, *, pictures: bool = True
) -> Iterator[PredictionWriter]:
    """Write `predictions.json`, and a JPEG for each image or an MP4 for the frames of each video.

    Args:
        folder: Gets them, and `<name>_<key>.png` of what records hold as pixels. They are named like the images; a
            number is added where a name comes twice.
        draw: Of the task.
        labels: Of the model.
        pictures: False writes no JPEG and no MP4.

    Yields:
        Takes the records. Nothing of `predictions.json` is there before the end, and not all of the pictures.
    """
    with (
        replacing_list(folder / "predictions.json") as write,
        ThreadPoolExecutor(THREADS, thread_name_prefix="draw") as pool,
    ):
        writer = PredictionWriter(folder, draw, labels, write, pool if pictures else None)
        try:
            yield writer
        finally:
            writer.end_video()
        writer.wait(0)


class PredictionWriter:
    """See `write_predictions`.

    Attributes:
        count: Records so far.
    """

    def __init__(
        self,
        folder: Path,
        draw: Draw,
        labels: LabelInfo,
        write: Callable[[Any], None],
        pool: ThreadPoolExecutor | None,
    ) -> None:
        self.count = 0
        self._folder, self._draw, self._labels, self._write = folder, draw, labels, write
        self._names = FileNames()
        self._pool, self._drawing = pool, deque[Future[None]]()
        self._source, self._name = "", ""
        self._video: VideoWriter | None = None

    def add(self, medium: Medium, record: dict[str, Any]) -> None:
        """Write a record, and have it drawn: images by some threads, the frames of a video one after the other.

        Args:
            medium: What it is of.
            record: Of `predictions.json`; pixels in it are replaced by the paths of their files.
        """
        name = self._start(medium)
        for key, value in record.items():
            if isinstance(value, np.ndarray):
                record[key] = str(self._folder / f"{name}_{key}.png")
                Image.fromarray(value).save(record[key])
        if self._video:
            self._video.add(self._picture(medium, record))
        elif self._pool:
            self._drawing.append(self._pool.submit(self._save_picture, medium, record, self._folder / f"{name}.jpg"))
            self.wait(2 * THREADS)
        self._write(record)
        self.count += 1

    def wait(self, most: int) -> None:
        """Wait until no more than so many pictures are left to be drawn.

        Raises:
            Exception: One of them could not be.
        """
        while len(self._drawing) > most:
            self._drawing.popleft().result()

    def end_video(self) -> None:
        """Close the video that is being written, if there is one."""
        if self._video:
            self._video.close()
        self._source, self._video = "", None

    def _start(self, medium: Medium) -> str:
        """The name for the files of an image or a frame; a video that is not the last one's is begun."""
        if not isinstance(medium, Frame):
            self.end_video()
            return self._names.of(str(medium))
        if medium.video != self._source:
            self.end_video()
            self._source, self._name = medium.video, self._names.of(medium.video)
            if self._pool:
                self._video = VideoWriter(self._folder / f"{self._name}.mp4", medium.rate)
        return f"{self._name}_{medium.number:06}"

    def _picture(self, medium: Medium, record: dict[str, Any]) -> Image.Image:
        return self._draw(media_picture(medium), record, self._labels, "")

    def _save_picture(self, medium: Medium, record: dict[str, Any], path: Path) -> None:
        save(self._picture(medium, record), path)
