"""Training within a given time: how long an epoch takes, before the first one and while they go on."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from itertools import islice
from typing import Any, Literal, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from otx.core.model import OTXModel
from otx.training.evaluate import predict
from otx.training.module import TrainingModule
from otx.training.speed import Candidate, stepper

SAMPLES = 4
"""Batches that are timed."""
LATEST = 0.1
"""Least weight of the latest epoch in the mean time of one: other work on the machine comes and goes."""
RESERVE = 0.03
"""Share of the time that is left for reading, drawing and writing after the last epoch."""
CHECKS = 20
"""Times that the plan is held against the clock, besides after each epoch."""
TOLERANCE = 0.02
"""Share of the steps by which a plan may be wrong before it is changed."""


class EpochTime(NamedTuple):
    """Seconds that an epoch takes."""

    training: float
    validation: float


def epochs_within(seconds: float, epoch: EpochTime) -> float:
    """How many epochs fit in a time; of the last one a part may, with a validation after it.

    A part that is hardly more than nothing beside the whole epochs is not worth its validation.
    """
    whole = max(0, int(seconds / sum(epoch)))
    part = (seconds - whole * sum(epoch) - epoch.validation) / epoch.training
    return whole + part if part > TOLERANCE * whole else whole


def seconds_per_epoch(
    model: OTXModel[Any, Any],
    loaders: tuple[DataLoader[Any], DataLoader[Any]],
    device: torch.device,
    *,
    precision: Literal["32", "bf16"],
    channels_last: bool,
) -> EpochTime:
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
        training = len(train) * (max(load, compute) if train.num_workers else load + compute)
        predictions = predict(copy.deepcopy(model), islice(validation, SAMPLES), device)
        next(predictions)
        return EpochTime(training, len(validation) * _mean_seconds(lambda: next(predictions, None)))


def _mean_seconds(work: Callable[[], object]) -> float:
    """Of what gives None once it is at its end."""
    began, count = time.perf_counter(), 0
    while count < SAMPLES and work() is not None:
        count += 1
    return (time.perf_counter() - began) / max(count, 1)


class Budget(Callback):
    """Sees to it that training ends within its time: now and then, it counts again how many steps fit.

    Where the steps that are planned do not fit any more, or more would, the plan changes, and the schedule with it. The
    last epoch ends where the steps do, in its middle if need be, with a validation.

    Args:
        seconds: The time for all, from `began` on.
        began: Clock (monotonic) when this part of the run was started.
        note: Takes lines for the log.
        expected: Of an epoch, measured before the first one.

    Attributes:
        earlier: Seconds of the parts before, up to what was resumed from.
    """

    state_key = "budget"

    def __init__(
        self, seconds: float, began: float, note: Callable[[str], None], expected: EpochTime | None = None
    ) -> None:
        self.seconds = seconds
        self.began = began
        self.note = note
        self.expected = expected
        self.seen: EpochTime | None = None
        self.earlier = 0.0
        self._ended = 0.0

    @property
    def spent(self) -> float:
        """Seconds since the start, times between kill and resume left out."""
        return time.monotonic() - self.began + self.earlier

    def state_dict(self) -> dict[str, Any]:
        """For the resume file."""
        mine = {name: getattr(self, name) for name in ("began", "spent", "earlier", "expected", "seen")}
        return {name: list(value) if isinstance(value, EpochTime) else value for name, value in mine.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`; a part that had to go back to what it kept itself is not counted twice."""
        self.earlier = state_dict["earlier" if state_dict["began"] == self.began else "spent"]
        self.expected, self.seen = (
            EpochTime(*state_dict[key]) if state_dict[key] else None for key in ("expected", "seen")
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Plan by what was measured before; of several processes, the first one measures."""
        assert isinstance(pl_module, TrainingModule)
        begun = pl_module.tally.batches if trainer.fit_loop.restarted_mid_epoch else 0
        if epoch := trainer.strategy.broadcast(self.seen or self.expected):
            self._plan(trainer, pl_module, epoch, begun)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look at the clock if it is time, and end the last epoch where the steps end."""
        assert isinstance(pl_module, TrainingModule)
        done, batches = batch_idx + 1, int(trainer.num_training_batches)
        if done == batches:
            return
        if done % math.ceil(pl_module.schedule.total_steps * trainer.accumulate_grad_batches / CHECKS) == 0:
            passed = time.perf_counter() - pl_module.tally.started
            validation = (self.seen or self.expected or EpochTime(0.0, 0.0)).validation
            running = EpochTime(passed / done * batches, validation)
            self._plan(trainer, pl_module, self._mean(running, pl_module.epoch_number, done / batches), done)
        if pl_module.steps_done >= pl_module.schedule.total_steps:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take in how long it took, with the writing after the one before."""
        assert isinstance(pl_module, TrainingModule)
        tally, now = pl_module.tally, time.perf_counter()
        tally.stop()
        training = tally.train_seconds / tally.batches * trainer.num_training_batches
        latest = EpochTime(training, now - (self._ended or tally.started) - tally.train_seconds)
        self.seen = self._mean(latest, pl_module.epoch_number)
        self._ended = now
        if not trainer.should_stop:
            self._plan(trainer, pl_module, self.seen, 0)

    def _mean(self, latest: EpochTime, number: int, part: float = 1.0) -> EpochTime:
        """Of the epochs so far, with a part of the one of this number."""
        if self.seen is None:
            return latest
        weight = max(LATEST, part / (number - 1 + part))
        return EpochTime(*(old + weight * (new - old) for old, new in zip(self.seen, latest, strict=True)))

    def _plan(self, trainer: Trainer, module: TrainingModule, epoch: EpochTime, begun: int) -> None:
        """Count again; `begun` is the number of batches of an epoch that is not over."""
        progress: Any = trainer.fit_loop.epoch_progress.current
        part = begun / trainer.num_training_batches
        since = self.seconds * (1 - RESERVE) - self.spent + part * epoch.training  # its beginning
        fitting = trainer.strategy.broadcast(max(part, epochs_within(since, epoch)))
        steps = module.steps_done + round((fitting - part) * module.steps_per_epoch)
        planned = module.schedule.total_steps
        if fitting and abs(steps - planned) <= TOLERANCE * planned:
            return
        if module.steps_done:  # before, it was told with the plan
            before, after = (total / module.steps_per_epoch for total in (planned, steps))
            self.note(f"an epoch takes {sum(epoch):.1f} s: {after:.4g} epochs fit in the time instead of {before:.4g}")
        module.replan(progress.processed + math.ceil(fitting), steps)
