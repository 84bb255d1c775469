"""Tells people how training goes: a live bar on a terminal, plain lines elsewhere and in `train.log`."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from otx.training.module import TrainingModule
from otx.training.report import EpochReport

LIVE_INTERVAL = 0.5
LOG_INTERVAL = 30.0


class TrainLog:
    """Writes lines to `train.log` and, if wanted, to standard error.

    Args:
        path: The log file; lines are appended.
        console: Where people read; None for nobody.
    """

    def __init__(self, path: Path, console: Console | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.console = console

    def line(self, text: str) -> None:
        """Write one line."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")
        if self.console is not None:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class ProgressReport(Callback):
    """Follows training within an epoch, now and then and without a thread, so that it costs next to nothing.

    Each look at the loss waits for the device; it is also when a loss that is not a number is found.

    Args:
        log: Where the lines go.
        monitor: The metric to show first.
    """

    def __init__(self, log: TrainLog, monitor: str) -> None:
        self.train_log = log
        self.monitor = monitor
        self.live = log.console is not None and log.console.is_terminal
        self._interval = LIVE_INTERVAL if self.live else LOG_INTERVAL
        self._next = math.inf
        self._bar: Progress | None = None

    def epoch_done(self, report: EpochReport) -> None:
        """Write the line of an epoch."""
        self.train_log.line(report.line(self.monitor))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An epoch that goes on in its middle has no start of its own."""
        if trainer.fit_loop.restarted_mid_epoch:
            self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put up the bar of the epoch."""
        self._next = time.monotonic() + self._interval
        if self.live:
            self._show(f"epoch {trainer.fit_loop.epoch_progress.current.ready}", int(trainer.num_training_batches))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look at the loss if it is time."""
        if time.monotonic() < self._next:
            return
        assert isinstance(pl_module, TrainingModule)
        tally = pl_module.tally
        loss = sum(pl_module.mean_losses().values())
        speed = tally.images / (time.perf_counter() - tally.started)
        facts = f"loss {loss:.4f}  lr {pl_module.learning_rate():.2e}  {speed:.1f} img/s"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=batch_idx + 1, facts=facts)
            self._bar.refresh()
        else:
            position = f"epoch {pl_module.epoch_number}/{pl_module.max_epochs}"
            self.train_log.line(f"{position}  batch {batch_idx + 1}/{trainer.num_training_batches}  {facts}")
        self._next = time.monotonic() + self._interval

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say that it validates."""
        if self.live:
            self._show("validation", int(sum(trainer.num_val_batches)))

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:  # noqa: ANN401
        """Move the bar of the validation."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
            if time.monotonic() >= self._next:
                self._bar.refresh()
                self._next = time.monotonic() + self._interval

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar down."""
        self._hide()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the terminal as it was."""
        self._hide()

    def _show(self, title: str, total: int) -> None:
        self._hide()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
        )
        # No refresh thread: it would take a share of a small machine's cores.
        self._bar = Progress(*columns, console=self.train_log.console, transient=True, auto_refresh=False)
        self._bar.add_task(title, total=total, facts="")
        self._bar.start()
        self._bar.refresh()

    def _hide(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
