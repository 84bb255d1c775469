"""Trains a model, from the start or from where a killed run had got to."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from lightning.pytorch import Callback
from rich.console import Console
from torch.utils.data import DataLoader

from otx.core.errors import OTXError, UserError
from otx.core.metric import TaskMetric
from otx.core.model import OTXModel
from otx.training.budget import Budget, EpochTime
from otx.training.checkpoint import load_model
from otx.training.data_wait import DataWait
from otx.training.fsdp import check_number, share_out
from otx.training.keeper import BEST, LAST, RESUME, Keeper
from otx.training.lightning_trainer import StopWitness, interruptible, make_trainer, silenced
from otx.training.module import TrainingModule, is_trained, lay_channels_last
from otx.training.processes import place
from otx.training.progress import ProgressReport, TrainLog
from otx.training.pseudo_labels import Unlabeled
from otx.training.report import Listener
from otx.training.resume import find_state, run_facts
from otx.training.settings import TrainingSettings

GO_ON = "Go on with the same command and --resume, or with Engine.train(resume=True)."


class FitData(Protocol):
    """Where batches come from, for example `otx.data.datamodule.OTXDataModule`."""

    def loader(self, subset: str, train: bool) -> DataLoader[Any]:
        """Batches of a subset, in the order and with the augmentation of training or of evaluation."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What came out of a training; the model holds the best weights.

    Attributes:
        best_path: Weights of the best epoch.
        last_path: Weights of the last epoch.
        best_epoch: Counted from 1.
        best_metrics: Of the validation after the best epoch.
        epochs_done: Epochs trained, those before a resume included.
        stopped_early: Training ended because it no longer improved.
        seconds: Time of all epochs with their validation, those before a resume included.
        earlier: Seconds of `settings.time` that went by before a resume.
    """

    best_path: Path
    last_path: Path
    best_epoch: int
    best_metrics: dict[str, float]
    epochs_done: int
    stopped_early: bool
    seconds: float
    earlier: float = 0.0


class InterruptedTrainingError(OTXError):
    """Somebody stopped the training.

    Args:
        epochs: How many of how many were done.
        rest: Where they are kept, and how to go on.
    """

    exit_status = 130

    def __init__(self, epochs: str, rest: str) -> None:
        super().__init__(f"stopped with {epochs} {rest}")
        self.epochs = epochs


def fit(
    model: OTXModel[Any, Any],
    data: FitData,
    metric: TaskMetric[Any, Any],
    settings: TrainingSettings,
    work_dir: Path,
    *,
    model_name: str,
    monitor: str,
    monitor_mode: Literal["max", "min"] = "max",
    seed: int = 0,
    began: float | None = None,
    epoch: EpochTime | None = None,
    device: torch.device | str = "cpu",
    resume: bool = False,
    show: bool = True,
    listeners: Sequence[Listener] = (),
    callbacks: Sequence[Callback] = (),
    unlabeled: Unlabeled | None = None,
) -> FitResult:
    """Train and validate, and keep the best and the last weights in `work_dir/checkpoints`.

    With the same seed, data and machine the result is the same, bit for bit on the CPU, whether the run was killed
    and resumed or not. Where several processes train, all of them call this, and the first one writes.

    Args:
        model: Trained in place; holds the best weights afterwards.
        data: Gives the subsets `train` and `val`.
        metric: Of the task.
        settings: All chosen, only the warm-up may be `auto`.
        work_dir: Where `checkpoints/`, `metrics.csv`, `train.log` and `tensorboard/` go.
        model_name: Catalog name, written into the checkpoints.
        monitor: Metric whose best value makes the best epoch.
        monitor_mode: Whether more or less of it is better.
        seed: Makes the random numbers of each step.
        began: Clock (monotonic) from which `settings.time` counts; None: now.
        epoch: How long one takes, as measured before, from which `settings.time` is planned at first.
        device: Where to train, see `resolve_device`.
        resume: Go on from the last epoch that was kept in the work dir; if there is none, start.
        show: Write progress to standard error; `train.log` has it in any case.
        listeners: Called after each epoch.
        callbacks: More callbacks for Lightning.
        unlabeled: Images without labels to learn from, too.

    Raises:
        UserError: The work dir holds a run already and `resume` is false, or the run in it is not this one.
        InterruptedTrainingError: By Ctrl-C or SIGTERM; the kept epochs stand.
        DivergedError: The loss is not a number any more.
    """
    _check_chosen(settings, model)
    if unlabeled:
        _check_teacher(settings, model)
    state_path = find_state(work_dir / "checkpoints" / RESUME, resume=resume)
    first = place().rank == 0
    log = TrainLog(
        work_dir / "train.log" if first else Path(os.devnull), Console(stderr=True) if show and first else None
    )
    loaders = (data.loader("train", train=True), data.loader("val", train=False))
    run = run_facts(model, model_name, settings, seed, len(loaders[0]))
    run |= {"unlabelled images": unlabeled.images} if unlabeled else {}
    trained = _placed(model, settings, torch.device(device))
    module = TrainingModule(trained, metric, settings, loaders, seed=seed, run=run, note=log.line, unlabeled=unlabeled)
    progress, witness = ProgressReport(log, monitor), StopWitness()
    keeper = Keeper(
        work_dir,
        model_name,
        monitor=monitor,
        monitor_mode=monitor_mode,
        patience=int(settings.patience),
        tensorboard=settings.tensorboard and first,
        listeners=[progress.epoch_done, *listeners],
    )
    watchers = [progress, DataWait(log.line, loaders[0].num_workers), *callbacks]
    budget = Budget(settings.time, time.monotonic() if began is None else began, log.line, epoch)
    if settings.time:
        watchers.append(budget)
    with silenced(), interruptible():
        trainer = make_trainer(settings, work_dir, torch.device(device), [*watchers, witness, keeper])
        try:
            trainer.fit(module, ckpt_path=state_path)
        except (KeyboardInterrupt, SystemExit) as error:
            if not witness.stopped:
                raise
            epochs = f"{keeper.epochs_done} of {module.max_epochs} epochs"
            log.line(f"stopped with {epochs}")
            raise InterruptedTrainingError(epochs, f"kept in {work_dir}. {GO_ON}") from error
    load_model(keeper.path(BEST), model)
    return _result(keeper, module.max_epochs, budget.earlier)


def _placed(model: OTXModel[Any, Any], settings: TrainingSettings, device: torch.device) -> OTXModel[Any, Any]:
    """The model on the device, before the average copies the weights: it lives beside them."""
    if settings.strategy == "fsdp":
        shared = copy.deepcopy(model)  # for it cannot be made whole again
        share_out(shared, device)
        return shared
    model.to(device)
    if settings.channels_last is True:
        lay_channels_last(model)
    return model


def _check_chosen(settings: TrainingSettings, model: OTXModel[Any, Any]) -> None:
    names = ("max_epochs", "patience", "accumulate", "precision", "channels_last")
    left = [name for name in names if getattr(settings, name) == "auto"]
    if left:
        raise UserError(f"training needs a number for what is still 'auto': {', '.join(left)}; Engine chooses them")
    if not 0 <= settings.ema_decay < 1:
        raise UserError(f"training.ema_decay: expected a decay of at least 0 and below 1, got {settings.ema_decay}")
    if place().size > 1 and not is_trained(model):
        raise UserError(
            "this model is fitted in one pass over the images, which one process has to see all of: leave --devices out"
        )
    check_number(settings.strategy, place().size)
    if settings.ema_decay and not is_trained(model):
        msg = "training.ema_decay: expected 0, because this model is fitted in one pass and has no weights to average"
        raise UserError(msg)


def _check_teacher(settings: TrainingSettings, model: OTXModel[Any, Any]) -> None:
    if not is_trained(model):
        msg = "unlabeled_data_root: expected none, because this model is fitted in one pass and learns from no labels"
        raise UserError(msg)
    if not settings.ema_decay:
        raise UserError(
            "unlabeled_data_root: expected training.ema_decay above 0, got 0: the averaged weights label the images; "
            "leave the setting out, or take 0.99"
        )


def _result(keeper: Keeper, max_epochs: int, earlier: float) -> FitResult:
    return FitResult(
        best_path=keeper.path(BEST),
        last_path=keeper.path(LAST),
        best_epoch=keeper.best_epoch,
        best_metrics=keeper.best_metrics,
        epochs_done=keeper.epochs_done,
        stopped_early=keeper.epochs_done < max_epochs,
        seconds=sum(row["seconds"] for row in keeper.rows),
        earlier=earlier,
    )
