"""Predictions for many image files at speed, in the order of the files and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import local
from typing import Any

import torch
from torch import Tensor

from otx.core.entity import OTXBatchPredEntity
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.runtime.exported import ExportedModel
from otx.runtime.whole_image import predict_image

Prediction = OTXBatchPredEntity[Any]

AHEAD = 4
"""Images in flight per thread: enough that a slow image holds nobody up, few enough to forget about memory."""


def predict_files(
    model: ExportedModel,
    paths: Iterable[Path],
    *,
    on_broken: Callable[[Path, UserError], None] | None = None,
    threads: int = 0,
) -> Iterator[tuple[Path, Prediction]]:
    """Predict image files one by one, many at a time.

    Each thread decodes an image, resizes it, runs the graph on a request of its own and reads the outputs, so decoding,
    inference and post-processing of different images overlap. Of a model that wants tiles, it is the tiles of one image
    that the threads share. Load the model with `hint="THROUGHPUT"` for this.

    Args:
        model: The exported model.
        paths: Image files, or videos for a model that takes clips; read as they are needed, so an endless iterable is
            fine.
        on_broken: Told of a file that cannot be read, which is then left out; None lets the error through.
        threads: Number of threads; 0 takes one per core for decoding and one per request that the device wants.

    Yields:
        The file and its prediction, a batch of one, in the order of `paths`.

    Raises:
        UserError: An image cannot be read, and `on_broken` is None.
    """
    threads = threads or len(os.sched_getaffinity(0)) + model.model.parallel_requests
    mine = local()
    bare_inputs = model.spec.load("batch").bare_inputs

    def start_thread() -> None:
        torch.set_num_threads(1)  # of this thread: the parallelism is between images
        mine.request = model.model.new_request()

    def run(images: Tensor, info: ImageInfo) -> Prediction:
        with torch.no_grad():
            return model.decode(model.model.run(bare_inputs(images), mine.request), images, [info])

    def predict(path: Path) -> Prediction:
        return predict_image(path, model.input_spec, model.spec, run)

    def predict_tiles(path: Path) -> Prediction:
        return predict_image(path, model.input_spec, model.spec, run, pool.map)

    with (
        ThreadPoolExecutor(threads, thread_name_prefix="predict", initializer=start_thread) as pool,
        ThreadPoolExecutor(1, thread_name_prefix="image") as one_by_one,
    ):
        tiled = model.input_spec.tile > 0
        work = (one_by_one, predict_tiles, paths, 1) if tiled else (pool, predict, paths, threads * AHEAD)
        for path, future in _in_order(*work):
            try:
                prediction = future.result()
            except UserError as error:
                if on_broken is None:
                    raise
                on_broken(path, error)
                continue
            yield path, prediction


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Path], Prediction], paths: Iterable[Path], ahead: int
) -> Iterator[tuple[Path, Future[Prediction]]]:
    """Hand out work, never more than `ahead` pieces beyond the one that is looked at."""
    left = iter(paths)
    waiting = deque((path, pool.submit(work, path)) for path in islice(left, ahead))
    try:
        while waiting:
            yield waiting.popleft()
            waiting.extend((path, pool.submit(work, path)) for path in islice(left, 1))
    finally:
        for _, future in waiting:
            future.cancel()
