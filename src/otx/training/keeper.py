"""Keeps the best weights, the last weights and the state to go on from, and decides when training stops."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from otx.core.errors import OTXError
from otx.training.checkpoint import CheckpointMeta, save_model
from otx.training.curves import TensorBoardCurves, write_metrics
from otx.training.fsdp import whole
from otx.training.module import TrainingModule, is_trained
from otx.training.report import EpochReport, Listener

BEST = "best.safetensors"
LAST = "last.safetensors"
RESUME = "resume.safetensors"
SAVE_SECONDS = 180.0
"""Long epochs are saved in their middle so often: what a kill can cost."""
ASK_STEPS = 10
"""Several processes ask each other so often whether it is time, since each such question is waited for."""


class Keeper(Checkpoint):
    """Ends each epoch: scores it, writes what has to survive a kill, and tells the listeners.

    It is the last callback of an epoch (Lightning calls subclasses of `Checkpoint` last), so what it writes is whole.
    All of it is state of the resume file: a run that is killed between two of its files does the epoch again and
    writes the same ones.

    Args:
        folder: The work dir.
        model_name: Catalog name of the model, for the checkpoints.
        monitor: Name of the metric that is watched.
        monitor_mode: Whether more or less of it is better.
        patience: Epochs without a better validation after which training stops; 0 never.
        tensorboard: Write the curves for TensorBoard too.
        listeners: Told of each epoch, after all is kept.
    """

    state_key = "keeper"

    def __init__(
        self,
        folder: Path,
        model_name: str,
        *,
        monitor: str,
        monitor_mode: Literal["max", "min"],
        patience: int,
        tensorboard: bool,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.folder = folder
        self.model_name = model_name
        self.monitor = monitor
        self.sign = 1.0 if monitor_mode == "max" else -1.0
        self.patience = patience
        self.listeners = listeners
        self.curves = TensorBoardCurves(folder / "tensorboard") if tensorboard else None
        self.rows: list[dict[str, Any]] = []
        self.best_score: float | None = None
        self.best_epoch = 0
        self.best_metrics: dict[str, float] = {}
        self.saved = time.monotonic()

    def path(self, name: str) -> Path:
        """Where a checkpoint lies."""
        return self.folder / "checkpoints" / name

    @property
    def epochs_done(self) -> int:
        """Number of epochs that are kept."""
        return len(self.rows)

    @property
    def lost_patience(self) -> bool:
        """Whether the best epoch lies too far behind the last one that was validated."""
        judged = next((int(row["epoch"]) for row in reversed(self.rows) if self.monitor in row), 0)
        return bool(self.patience and self.best_epoch and judged - self.best_epoch >= self.patience)

    def state_dict(self) -> dict[str, Any]:
        """For the resume file."""
        return {
            "rows": self.rows,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "best_metrics": self.best_metrics,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A resumed run that had stopped early stays stopped; files that a kill left behind the state are renewed."""
        if self.rows and trainer.is_global_zero:
            write_metrics(self.folder / "metrics.csv", self.rows)
        if self.lost_patience:
            trainer.should_stop = True
        self.saved = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save the middle of a long epoch, between two steps; a model that is fitted in one pass starts that anew."""
        assert isinstance(pl_module, TrainingModule)
        done = batch_idx + 1
        steps = trainer.accumulate_grad_batches * (1 if trainer.world_size == 1 else ASK_STEPS)
        between = done % steps == 0 and done < trainer.num_training_batches
        if between and is_trained(pl_module.model):
            is_time = time.monotonic() >= self.saved + SAVE_SECONDS
            if trainer.strategy.broadcast(is_time):
                self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the epoch, keep it, tell of it, and stop if it has been going nowhere."""
        assert isinstance(pl_module, TrainingModule)
        report = self._report(pl_module)
        self.rows.append(report.row())
        self._keep(trainer, pl_module, report)
        if trainer.is_global_zero:
            write_metrics(self.folder / "metrics.csv", self.rows)
        if self.curves:
            self.curves.add(report.row())
        for listener in self.listeners:
            listener(report)
        if self.lost_patience:
            trainer.should_stop = True

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the event file."""
        if self.curves:
            self.curves.close()

    def _report(self, module: TrainingModule) -> EpochReport:
        epoch = module.epoch_number
        fresh = module.validation if module.validated == epoch else None
        # Plain floats, because metrics may come as those of numpy.
        metrics = {name: float(value) for name, value in fresh.values.items()} if fresh else {}
        tally = module.tally
        is_best = self._is_best(metrics)
        if is_best:
            self.best_epoch, self.best_metrics = epoch, metrics
            self.best_score = metrics.get(self.monitor)
        return EpochReport(
            epoch=epoch,
            max_epochs=module.max_epochs,
            losses=module.mean_losses(),
            metrics=metrics,
            lr=module.learning_rate(),
            images=tally.images,
            train_seconds=tally.train_seconds,
            seconds=time.perf_counter() - tally.started,
            is_best=is_best,
            pseudo_labelled=tally.accepted / tally.batches if module.teacher else None,
        )

    def _is_best(self, metrics: dict[str, float]) -> bool:
        if not metrics:
            # Nothing to judge by: without any validation, the latest weights are taken for the best.
            return self.best_score is None
        if self.monitor not in metrics:
            msg = f"the metric to watch, {self.monitor!r}, is none of those that validation gives: {sorted(metrics)}"
            raise OTXError(msg)
        score = metrics[self.monitor]
        if self.best_score is None or math.isnan(self.best_score):
            return True
        return self.sign * score > self.sign * self.best_score

    def _keep(self, trainer: Trainer, module: TrainingModule, report: EpochReport) -> None:
        meta = CheckpointMeta.of(module.model, self.model_name, report.epoch, report.metrics)
        with module.kept_weights():
            weights = whole(module.model.state_dict())
            if trainer.is_global_zero:
                if report.is_best:
                    save_model(self.path(BEST), weights, meta)
                save_model(self.path(LAST), weights, meta)
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path(RESUME))
        self.saved = time.monotonic()
