"""Says what bounds a training: reading and augmenting the images, or computing."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

BOUND = 0.5
"""Share of the time that is spent on waiting for images from which on more computing power would not help."""


class DataWait(Callback):
    """Measures what share of its first epoch a training waits for batches, and says it once.

    Where the device computes while the processor goes on, the share is an upper bound.

    Args:
        note: Takes the line.
        workers: Loading processes; 0: the training reads the images itself.
        cores: Of the machine.
    """

    def __init__(self, note: Callable[[str], None], workers: int, cores: int | None = None) -> None:
        self.note = note
        self.workers = workers
        self.cores = cores or os.cpu_count() or 1
        self._waited = self._began = self._mark = 0.0
        self._said = False

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The first batch is waited for from here on."""
        self._began = self._mark = time.perf_counter()
        self._waited = 0.0

    def on_train_batch_start(self, *_: Any) -> None:  # noqa: ANN401
        """A batch has come."""
        self._waited += time.perf_counter() - self._mark

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401
        """The next one is waited for."""
        self._mark = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say it; the validation that lies before is not counted."""
        if not self._said and self._mark > self._began > 0:
            self._said = True
            self.note(self.verdict(self._waited / (self._mark - self._began)))

    def verdict(self, share: float) -> str:
        """What bounds the training, and what would help.

        Args:
            share: Of the time that is spent on waiting for images, in [0, 1].
        """
        if share < BOUND:
            return f"compute-bound: {share:.0%} of the time goes into reading the images"
        wanted = math.ceil((self.workers or share) / max(1 - share, 0.01))
        workers = min(wanted, self.cores // 2)
        if workers > max(1, self.workers):
            helps = f"{workers} loading processes would help (--set data.workers={workers}, now {self.workers})"
        else:
            helps = "smaller image files or fewer steps of augmentation would help"
        return f"data-bound: {share:.0%} of the time goes into reading the images; {helps}"
