"""The one LightningModule of OTX: any `OTXModel` of any task and framework, in training and validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from otx.core.entity import OTXBatchDataEntity, OTXBatchLossEntity
from otx.core.errors import OTXError, UserError
from otx.core.metric import MetricResult, TaskMetric
from otx.core.model import OTXModel
from otx.training.average import WeightAverage
from otx.training.mixing import make_mixing
from otx.training.optimizer import build_optimizer, set_lr
from otx.training.pseudo_labels import LOSS, Teacher, Unlabeled
from otx.training.randomness import mix, seed_step
from otx.training.resume import check_same_run, divide_batches, end_epoch, parts_of_batch
from otx.training.schedule import Schedule
from otx.training.settings import TrainingSettings

STATE_KEY = "otx"
LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Of tensors of so many dimensions, where channels are kept together in memory."""


@dataclass
class EpochTally:
    """What an epoch of training adds up to; tensors stay on their device, so that no step waits for one.

    Attributes:
        losses: Sum over the batches by name.
        gradients: Sum of the lengths of the gradients, where they are measured.
        batches: Number of batches.
        images: Number of images.
        accepted: Sum over the batches of the share of unlabelled images that got a label.
        started: Clock at the start.
        train_seconds: Time of the training part, once it is over.
    """

    losses: dict[str, Tensor] = field(default_factory=dict)
    gradients: Tensor | float = 0.0
    batches: int = 0
    images: int = 0
    accepted: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    train_seconds: float = 0.0

    def state(self) -> dict[str, Any]:
        """For the resume file."""
        return vars(self) | {"started": time.perf_counter() - self.started}

    @classmethod
    def load(cls, state: dict[str, Any]) -> EpochTally:
        """Inverse of `state`; the time between is not counted."""
        return cls(**state | {"started": time.perf_counter() - state["started"]})

    def divide(self, parts: int) -> None:
        """Count each batch so far as so many smaller ones."""
        self.losses = {name: value * parts for name, value in self.losses.items()}
        self.batches *= parts
        self.accepted *= parts

    def add(self, losses: dict[str, Tensor], images: int) -> None:
        """Take in a batch."""
        for name, value in losses.items():
            before = self.losses.get(name)
            self.losses[name] = value.detach() if before is None else before + value.detach()
        self.batches += 1
        self.images += images

    def stop(self) -> None:
        """The training part is over (the first call counts)."""
        self.train_seconds = self.train_seconds or time.perf_counter() - self.started

    def mean_losses(self) -> dict[str, float]:
        """Mean over the batches by name; waits for the device."""
        return {name: float(value) / self.batches for name, value in self.losses.items()}


class DivergedError(OTXError):
    """The loss or its gradient is no longer a number."""

    def __init__(self, epoch: int, lr: float) -> None:
        super().__init__(
            f"training diverged: the loss or its gradient is not a number in epoch {epoch} (learning rate {lr:.1e}). "
            "What was kept before stands. Try a lower --set training.optimizer.lr, shorter gradients "
            "(--set training.optimizer.clip_norm=1.0), or --precision 32."
        )


class TrainingModule(LightningModule):
    """Trains and validates an `OTXModel`.

    Args:
        model: What to train.
        metric: The task's metric over the validation images.
        settings: How to train; nothing in it is `auto` any more, except the warm-up.
        loaders: Batches to train on and to validate on.
        seed: Makes each step's random numbers, together with its position.
        run: Facts of the run that must be the same when it is resumed.
        note: Takes lines for the log.
        unlabeled: Images without labels to learn from, too.

    Attributes:
        tally: Of the running epoch.
        validation: Result of the last validation, None before the first.
        validated: Number of the epoch, from 1, that `validation` belongs to.
    """

    def __init__(
        self,
        model: OTXModel[Any, Any],
        metric: TaskMetric[Any, Any],
        settings: TrainingSettings,
        loaders: tuple[DataLoader[Any], DataLoader[Any]],
        *,
        seed: int,
        run: dict[str, Any],
        note: Callable[[str], None],
        unlabeled: Unlabeled | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.metric = metric
        self.settings = settings
        self.seed = seed
        self.loaders = loaders
        self.run = run
        self.note = note
        self.max_epochs = int(settings.max_epochs)
        self.schedule = Schedule.plan(settings.schedule, self.steps_per_epoch * self.max_epochs)
        self.average = WeightAverage(model, settings.ema_decay) if settings.ema_decay else None
        self.teacher = self._teacher(unlabeled) if unlabeled else None
        self.mix = make_mixing(settings, model)
        self.merger = getattr(loaders[1], "merger", None)
        self.tally = EpochTally()
        self.validation: MetricResult | None = None
        self.validated = 0

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps; the batches left over at the end of an epoch make one too."""
        return math.ceil(len(self.loaders[0]) / int(self.settings.accumulate))

    def _teacher(self, unlabeled: Unlabeled) -> Teacher:
        assert self.average is not None
        here = partial(self.transfer_batch_to_device, dataloader_idx=0)
        return Teacher(unlabeled, self.settings.unlabeled, self.model, self.average, lambda one: here(one, self.device))

    def replan(self, max_epochs: int, steps: int) -> None:
        """Train more or less than was planned: so many optimiser steps in all, in so many epochs."""
        self.max_epochs = self.trainer.fit_loop.max_epochs = max_epochs
        self.schedule = Schedule.plan(self.settings.schedule, steps)

    @property
    def steps_done(self) -> int:
        """Optimiser steps since the very start of the run."""
        return int(self.trainer.global_step)

    @property
    def epoch_number(self) -> int:
        """Number of the running epoch, counted from 1."""
        return int(self.trainer.fit_loop.epoch_progress.current.ready)

    def kept_weights(self) -> AbstractContextManager[None]:
        """Within it, the model has the weights that are validated and saved: the averaged ones if there are any."""
        return self.average.applied() if self.average else nullcontext()

    def learning_rate(self) -> float:
        """Of the parameter groups without a scale of their own, at the last step."""
        return self.settings.optimizer.lr * self.schedule.factor(max(0, self.steps_done - 1))

    def mean_losses(self) -> dict[str, float]:
        """Of the running epoch so far, by name; waits for the device.

        Raises:
            DivergedError: One of them, or a gradient, is not a number.
        """
        losses = self.tally.mean_losses()
        if not all(map(math.isfinite, [*losses.values(), float(self.tally.gradients)])):
            raise DivergedError(self.epoch_number, self.learning_rate())
        return losses

    # Lightning's hooks, in the order in which they come.

    def configure_optimizers(self) -> Optimizer | None:
        """The optimiser; its learning rates are set step by step from `schedule`. None for models that are fitted."""
        return build_optimizer(self.model, self.settings.optimizer)

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches to train on, from where the run is: workers read ahead before Lightning says which epoch it is."""
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        batches = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
        _start_at(self.loaders[0], progress.processed, batches if progress.ready > progress.processed else 0)
        return self.loaders[0]

    def val_dataloader(self) -> DataLoader[Any]:
        """Batches to validate on."""
        return self.loaders[1]

    def on_train_start(self) -> None:
        """An epoch that goes on in its middle has no start; what it added up to has been loaded."""
        if self.trainer.fit_loop.restarted_mid_epoch:
            self._plan_validation()

    def on_train_epoch_start(self) -> None:
        """Start counting."""
        self._plan_validation()
        self.tally = EpochTally()

    def _plan_validation(self) -> None:
        """See to it that the last epoch is validated."""
        last = self.epoch_number >= self.max_epochs
        self.trainer.check_val_every_n_epoch = 1 if last else self.settings.val_interval

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Move a batch, and lay its images out as the model's weights are while they are still bytes."""
        return place(batch, device, channels_last=self.settings.channels_last is True)

    def on_train_batch_start(self, batch: OTXBatchDataEntity[Any], batch_idx: int) -> None:
        """Make the step a function of its number: random numbers and learning rate."""
        seed = mix(self.seed, self.global_rank) if self.global_rank else self.seed  # each process draws its own
        seed_step(seed, self.trainer.fit_loop.total_batch_idx, self.device)
        if is_trained(self.model):
            set_lr(self.optimizers(use_pl_optimizer=False), self.schedule.factor(self.steps_done))  # type: ignore[arg-type]

    def training_step(self, batch: OTXBatchDataEntity[Any], batch_idx: int) -> Tensor | None:
        """The sum of the model's losses; None where it has none, then Lightning takes no step."""
        try:
            losses = self.model(self.mix(batch) if self.mix else batch)
        except Exception:
            self.mean_losses()  # weights that are no numbers let models fail in many ways
            raise
        assert isinstance(losses, OTXBatchLossEntity), "a model in training mode returns losses"
        if self.teacher:
            progress = self.steps_done / self.schedule.total_steps
            losses.losses[LOSS], accepted = self.teacher.loss(self.trainer.fit_loop.total_batch_idx, progress)
            self.tally.accepted += accepted
        self.tally.add(losses.losses, batch.batch_size * self.trainer.world_size)
        return losses.total if losses.losses else None

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        """Take the weights into the average after each step."""
        super().optimizer_step(*arguments, **named)
        if self.average:
            self.average.update()

    def configure_gradient_clipping(self, optimizer: Optimizer, *rest: Any, **more: Any) -> None:  # noqa: ANN401
        """Shorten long gradients; here, because Lightning refuses to where BF16 meets a fused optimiser."""
        if self.settings.optimizer.clip_norm:
            longest = self.settings.optimizer.clip_norm
            length = torch.nn.utils.clip_grad_norm_(self.model.parameters(), longest)
            self.tally.gradients += length.full_tensor() if isinstance(length, DTensor) else length

    def on_train_batch_end(self, outputs: Any, batch: OTXBatchDataEntity[Any], batch_idx: int) -> None:  # noqa: ANN401
        """Let the model finish its epoch."""
        if batch_idx + 1 == self.trainer.num_training_batches or self.trainer.should_stop:
            self.model.finish_epoch()

    def on_validation_start(self) -> None:
        """Validate with the weights that will be kept, if training has not spoilt them."""
        self.tally.stop()
        self.mean_losses()
        if self.average:
            self.average.swap()

    def on_validation_epoch_start(self) -> None:
        """Forget the predictions of the last validation."""
        self.metric.reset()
        if self.merger is not None:
            self.merger.reset()

    def validation_step(self, batch: OTXBatchDataEntity[Any], batch_idx: int) -> None:
        """Predict, and compare with the truth."""
        self._measure([(batch, self.model(batch))] if self.merger is None else self.merger.add(self.model(batch)))

    def on_validation_end(self) -> None:
        """Compute the metrics; what the model learns from them (thresholds) goes into both sets of weights."""
        self._measure([] if self.merger is None else self.merger.flush())
        result = self.trainer.strategy.broadcast(self.metric.compute())  # each process has seen all images
        self.validation, self.validated = result, self.epoch_number
        self.model.adopt_validation(result)
        if self.average:
            self.average.swap()
            self.model.adopt_validation(result)

    def _measure(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        for truth, prediction in pairs:
            self.metric.update(prediction, truth)

    def on_train_epoch_end(self) -> None:
        """Stop the clock where there was no validation."""
        self.tally.stop()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning does not know of."""
        average = self.average.state() if self.average else None
        checkpoint[STATE_KEY] = {
            "run": self.run,
            "average": average,
            "tally": self.tally.state(),
            "max_epochs": self.max_epochs,
            "steps": self.schedule.total_steps,
            "time": self.settings.time,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it over again, if it is of this run."""
        state = checkpoint[STATE_KEY]
        check_same_run(state["run"], self.run, self.note)
        if self.settings.time:
            more = self.settings.time > state["time"]  # how much, `Budget` plans when training starts
            self.replan(state["max_epochs"] + more, state["steps"])
        loops = checkpoint["loops"]["fit_loop"]
        progress, batch_progress = loops["epoch_progress"]["current"], loops["epoch_loop.batch_progress"]
        done, begun = progress["processed"], progress["ready"]
        if begun == done:
            end_epoch(batch_progress, len(self.loaders[0]))
        if begun > self.max_epochs:
            msg = f"{begun} epochs are done or begun already, more than the {self.max_epochs} asked for (--max_epochs)"
            raise UserError(msg)
        self.tally = EpochTally.load(state["tally"])
        if (parts := parts_of_batch(state["run"], self.run)) > 1:
            divide_batches(batch_progress, parts, len(self.loaders[0]))
            self.tally.divide(parts)
        batches = f" and {self.tally.batches} batches of the next" if begun > done else ""
        self.note(f"going on after epoch {done}{batches}")
        if self.average:
            self.average.load(state["average"])
        if self.settings.channels_last is True:
            _lay_moments_channels_last(checkpoint["optimizer_states"])


def is_trained(model: OTXModel[Any, Any]) -> bool:
    """Whether gradients change the model; otherwise it is fitted to what it sees in an epoch."""
    return any(parameter.requires_grad for parameter in model.parameters())


def _start_at(loader: DataLoader[Any], epoch: int, batches: int) -> None:
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if hasattr(sampler, "start_at"):
        sampler.start_at(epoch, batches * int(loader.batch_size or 1))


def place(batch: OTXBatchDataEntity[Any], device: torch.device, *, channels_last: bool) -> OTXBatchDataEntity[Any]:
    """A batch on a device, with its images in the memory layout of the model."""
    if batch.images.device != device:
        batch = batch.to(device, non_blocking=True)
    if channels_last and batch.images.ndim > 2:
        return replace(batch, images=batch.images.movedim(-3, -1).contiguous().movedim(-1, -3))
    return batch


def lay_channels_last(model: nn.Module) -> None:
    """Let the weights of convolutions over images and over clips have their channels together in memory."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.ndim in LAYOUTS:
            tensor.data = tensor.data.contiguous(memory_format=LAYOUTS[tensor.ndim])


def _lay_moments_channels_last(states: list[dict[str, Any]]) -> None:
    """Likewise what optimisers know of the weights: processes that shared a model out kept it in another layout."""
    for known in (known for state in states for known in state.get("state", {}).values()):
        for name, value in known.items():
            if isinstance(value, Tensor) and value.ndim in LAYOUTS:
                known[name] = value.contiguous(memory_format=LAYOUTS[value.ndim])
