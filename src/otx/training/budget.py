"""Training within a given time: how long an epoch takes, before the first one and while they go on."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from itertools import islice
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from otx.core.model import OTXModel
from otx.training.evaluate import predict
from otx.training.module import TrainingModule
from otx.training.speed import Candidate, stepper

SAMPLES = 4
"""Batches that are timed."""
SPARE = 1.5
"""Epochs that must fit beyond the plan before any is added; of a long plan, `SPARE_SHARE` of it."""
SPARE_SHARE = 0.05
LATEST = 0.3
"""Weight of the latest epoch in the mean time of one: no two take the same."""
RESERVE = 0.03
"""Share of the time that is left for reading, drawing and writing after the last epoch."""


def seconds_per_epoch(
    model: OTXModel[Any, Any],
    loaders: tuple[DataLoader[Any], DataLoader[Any]],
    device: torch.device,
    *,
    precision: Literal["32", "bf16"],
    channels_last: bool,
) -> float:
    """Training and validation of an epoch, from a few batches on copies of the model.

    Args:
        model: What will be trained; neither it nor the generators of random numbers are changed.
        loaders: Batches to train on and to validate on.
        device: Where it will be trained.
        precision: Of the forward pass.
        channels_last: Keep images as NHWC in memory.
    """
    train, validation = loaders
    with torch.random.fork_rng():
        batches = iter(train)
        batch = next(batches)
        load = _mean_seconds(lambda: next(batches, None))
        step = stepper(model, batch, device, Candidate(precision, channels_last), time.perf_counter)
        step()  # compiles kernels and fills caches
        compute = min(step() for _ in range(SAMPLES - 1))
        # Processes that load do so while the others compute.
        seconds = len(train) * (max(load, compute) if train.num_workers else load + compute)
        predictions = predict(copy.deepcopy(model), islice(validation, SAMPLES), device)
        next(predictions)
        return seconds + len(validation) * _mean_seconds(lambda: next(predictions, None))


def _mean_seconds(work: Callable[[], object]) -> float:
    """Of what gives None once it is at its end."""
    began, count = time.perf_counter(), 0
    while count < SAMPLES and work() is not None:
        count += 1
    return (time.perf_counter() - began) / max(count, 1)


class Budget(Callback):
    """Sees to it that training ends within its time: after each epoch, with what the epochs so far took.

    Where the epochs that are planned do not fit any more, or more would, the plan changes, and the schedule with it.

    Args:
        seconds: The time for all, from `began` on.
        began: Clock (monotonic) when the run was started; one that is resumed counts on.
        note: Takes lines for the log.
    """

    state_key = "budget"

    def __init__(self, seconds: float, began: float, note: Callable[[str], None]) -> None:
        self.seconds = seconds
        self.began = began
        self.note = note
        self._epoch = 0.0

    @property
    def spent(self) -> float:
        """Seconds since the start, times between kill and resume left out."""
        return time.monotonic() - self.began

    def state_dict(self) -> dict[str, Any]:
        """For the resume file."""
        return {"spent": self.spent}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.began -= state_dict["spent"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count again how many epochs fit."""
        assert isinstance(pl_module, TrainingModule)
        done, planned = pl_module.epoch_number, pl_module.max_epochs
        epoch = time.perf_counter() - pl_module.tally.started
        self._epoch += (epoch - self._epoch) * (LATEST if self._epoch else 1.0)
        fitting = trainer.strategy.broadcast(self.fitting(done, planned, self._epoch))
        if done < planned != fitting:
            self.note(f"an epoch takes {self._epoch:.1f} s: {fitting} epochs fit in the time instead of {planned}")
            pl_module.replan(fitting)

    def fitting(self, done: int, planned: int, epoch: float) -> int:
        """How many epochs to train in all, if one takes `epoch` seconds; those planned, where they just fit.

        Args:
            done: Epochs done.
            planned: Epochs planned in all.
            epoch: Seconds of one.
        """
        fit = done + max(0.0, self.seconds * (1 - RESERVE) - self.spent) / epoch
        return planned if planned <= fit < planned + max(SPARE, SPARE_SHARE * planned) else int(fit)
