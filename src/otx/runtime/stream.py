"""Predictions for many image files at speed, in the order of the files and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from math import inf
from threading import local

import torch
from torch import Tensor

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.data.frames import Medium
from otx.runtime.exported import ExportedModel
from otx.runtime.whole_image import Prediction, predict_image, read_fitted

Results = Sequence[tuple[Medium, Prediction | UserError]]
Group = Sequence[Medium]

TOGETHER = 8
"""Files that a thread reads, then runs, then decodes. A step that follows itself finds its code and data in the caches
and waits less for Python's lock, which is worth a fifth of the time of a light model."""


def predict_files(
    model: ExportedModel,
    paths: Iterable[Medium],
    *,
    on_broken: Callable[[Medium, UserError], None] | None = None,
    threads: int = 0,
    together: int = TOGETHER,
) -> Iterator[tuple[Medium, Prediction]]:
    """Predict image files one by one, many at a time.

    Each thread decodes some images, resizes them, runs the graph on a request of its own and reads the outputs, so
    decoding, inference and post-processing of different images overlap. Of a model that wants tiles, it is the tiles of
    one image that the threads share. Load the model with `hint="THROUGHPUT"` for this.

    Args:
        model: The exported model.
        paths: Image files or frames, or videos for a model that takes clips; read as they are needed, so an
            endless iterable is fine.
        on_broken: Told of a file that cannot be read, which is then left out; None lets the error through.
        threads: Number of threads; 0 takes one per core for decoding and one per request that the device wants.
        together: Files that a thread takes at a time; 1 keeps the fewest frames of a video in memory.

    Yields:
        The file and its prediction, a batch of one, in the order of `paths`.

    Raises:
        UserError: An image cannot be read, and `on_broken` is None.
    """
    threads = threads or len(os.sched_getaffinity(0)) + model.model.parallel_requests
    predictor = _Predictor(model, threads)
    with predictor.pool, ThreadPoolExecutor(1, thread_name_prefix="image") as one_by_one:
        if model.input_spec.tile:
            results = _in_order(one_by_one, predictor.in_tiles, ([path] for path in paths), ahead=1)
        else:
            results = _in_order(predictor.pool, predictor.whole, _groups(paths, threads, together), ahead=threads + 1)
        for path, found in results:
            if not isinstance(found, UserError):
                yield path, found
            elif on_broken is None:
                raise found
            else:
                on_broken(path, found)


class _Predictor:
    """What the threads do.

    Attributes:
        pool: The threads, each with a request of its own.
    """

    def __init__(self, model: ExportedModel, threads: int) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="predict", initializer=self._start_thread)
        self._model = model
        self._mine = local()
        self._bare_inputs = model.spec.load("batch").bare_inputs

    def whole(self, group: Group) -> Results:
        """Predict files, each in one piece."""
        spec = self._model.input_spec
        fitted: dict[Medium, tuple[Tensor, ImageInfo]] = {}
        found: dict[Medium, Prediction | UserError] = {}
        for path in group:
            try:
                fitted[path] = read_fitted(path, spec, self._model.spec)
            except UserError as error:
                found[path] = error
        with torch.no_grad():
            raw = {path: self._run(images) for path, (images, _) in fitted.items()}
            found |= {path: self._model.decode(raw[path], images, [info]) for path, (images, info) in fitted.items()}
        return [(path, found[path]) for path in group]

    def in_tiles(self, group: Group) -> Results:
        """Predict files whose tiles the threads share."""

        def run(images: Tensor, info: ImageInfo) -> Prediction:
            with torch.no_grad():
                return self._model.decode(self._run(images), images, [info])

        def predict(path: Medium) -> Prediction | UserError:
            try:
                return predict_image(path, self._model.input_spec, self._model.spec, run, self.pool.map)
            except UserError as error:
                return error

        return [(path, predict(path)) for path in group]

    def _start_thread(self) -> None:
        torch.set_num_threads(1)  # of this thread: the parallelism is between images
        self._mine.request = self._model.model.new_request()

    def _run(self, images: Tensor) -> dict[str, Tensor]:
        return self._model.model.run(self._bare_inputs(images), self._mine.request)


def _groups(paths: Iterable[Medium], threads: int, together: int) -> Iterator[Group]:
    """Smaller ones where a list comes to its end, so that no thread is left alone with the last of it."""
    waiting, left = iter(paths), len(paths) if isinstance(paths, Sequence) else inf
    while group := list(islice(waiting, int(max(1, min(together, left / (2 * threads)))))):
        left -= len(group)
        yield group


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Group], Results], groups: Iterator[Group], ahead: int
) -> Iterator[tuple[Medium, Prediction | UserError]]:
    """Hand out work, never more than `ahead` groups beyond the one that is looked at."""
    waiting: deque[Future[Results]] = deque(pool.submit(work, group) for group in islice(groups, ahead))
    try:
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(pool.submit(work, group) for group in islice(groups, 1))
            yield from done
    finally:
        for future in waiting:
            future.cancel()
