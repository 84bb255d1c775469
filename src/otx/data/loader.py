"""Feeds batches from worker processes; what goes wrong in a worker comes out as the same error as without workers."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from otx.core.entity import OTXBatchDataEntity
from otx.core.errors import OTXError, UserError
from otx.data.dataset import OTXDataset
from otx.data.images import BrokenImageError
from otx.data.tiling import TileMerger

logger = logging.getLogger(__name__)

LOST = 16
"""Images on end that cannot be read: not some broken ones, but a lost folder."""

START_METHOD = "fork" if sys.platform == "linux" else None
"""Fork where the system is built for it: it needs no `if __name__ == "__main__"` and starts in milliseconds.
It is safe because a worker touches neither an accelerator nor the thread pools of its parent."""

Batch = OTXBatchDataEntity[Any]


@dataclass(frozen=True)
class Outcome:
    """What a worker sends for a batch.

    Attributes:
        batch: None if nothing in it could be read, or on an error.
        broken: Errors of images that could not be read.
        error: What stopped the batch, apart from broken images.
    """

    batch: Batch | None
    broken: tuple[BrokenImageError, ...] = ()
    error: OTXError | None = None

    def pin_memory(self) -> Outcome:
        """Called by torch's DataLoader where batches go to an accelerator."""
        return self if self.batch is None else replace(self, batch=self.batch.pin_memory())


class BatchLoader(DataLoader[Any]):
    """A DataLoader of typed batches.

    Args:
        dataset: One subset.
        sampler: Its order, epoch and index of each image.
        batch_type: Collates samples.
        batch_size: Images per batch.
        drop_last: Leave out a last batch that is not full.
        workers: Number of processes; 0 prepares each batch when it is asked for.
        prefetch: Batches that each worker prepares in advance.
        pin_memory: For fast copies to an accelerator.
        on_bad_data: What to do with an image that cannot be read: stop, or go on without it.
        known_broken: Messages of broken images that have been logged already; new ones are added.
        merger: Makes predictions on images of predictions on tiles, where batches are of tiles.
    """

    def __init__(
        self,
        dataset: OTXDataset[Any],
        sampler: Sampler[tuple[int, int]] | Sequence[tuple[int, int]],
        batch_type: type[Batch],
        *,
        batch_size: int,
        drop_last: bool = False,
        workers: int = 0,
        prefetch: int = 2,
        pin_memory: bool = False,
        on_bad_data: Literal["error", "skip"],
        known_broken: dict[str, None],
        merger: TileMerger | None = None,
    ) -> None:
        super().__init__(
            _Batches(dataset, batch_type),
            batch_size=batch_size,
            sampler=sampler,
            drop_last=drop_last,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pin_memory,
            persistent_workers=workers > 0,
            prefetch_factor=prefetch if workers else None,
            worker_init_fn=_start_worker if workers else None,
            multiprocessing_context=START_METHOD if workers else None,
        )
        self.on_bad_data = on_bad_data
        self.known_broken = known_broken
        self.merger = merger

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # torch's is a private class
        """Batches of one epoch.

        Raises:
            BrokenImageError: An image cannot be read and `on_bad_data` is `error`.
            UserError: None can be read any more, or a step of the pipeline failed.
        """
        # Not a generator, so that the workers start now and not when the first batch is asked for.
        return self._unpack(super().__iter__())

    def _unpack(self, outcomes: Iterator[Outcome]) -> Iterator[Batch]:
        lost: list[BrokenImageError] = []
        any_read = False
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            if outcome.broken and self.on_bad_data == "error":
                msg = f"{outcome.broken[0]}. Replace or remove the file, or leave it out with --on_bad_data skip."
                raise BrokenImageError(msg)
            self._log(outcome.broken)
            lost = [*lost, *outcome.broken] if outcome.batch is None else []
            if len(lost) >= LOST:
                break
            if outcome.batch is not None:
                any_read = True
                yield outcome.batch
        if lost and (len(lost) >= LOST or not any_read):
            raise UserError(
                f"no image can be read any more, and skipping is not for that: is the data still there? {lost[-1]}. "
                "What was kept stands: bring the data back, and go on with the same command and --resume."
            )

    def _log(self, broken: Sequence[BrokenImageError]) -> None:
        for message in map(str, broken):
            if message not in self.known_broken:
                self.known_broken[message] = None
                logger.warning("left out: %s", message)


@dataclass(eq=False)
class _Batches(Dataset[Any]):
    """Makes whole batches, with errors as results, because torch buries an exception of a worker in a traceback."""

    dataset: OTXDataset[Any]
    batch_type: type[Batch]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> Outcome:
        try:
            fetched = [self.dataset.fetch(key) for key in keys]
        except OTXError as error:
            return Outcome(None, error=UserError(str(error)))
        samples = [one.sample for one in fetched if one.sample is not None]
        broken = tuple(error for one in fetched for error in one.broken)
        return Outcome(self.batch_type.collate(samples) if samples else None, broken)


def _as_it_is(outcome: Any) -> Any:  # noqa: ANN401 - an `Outcome`, which torch takes for a list
    return outcome


def _start_worker(_: int) -> None:
    # On Ctrl-C the main process ends its workers; they print no traceback of their own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
