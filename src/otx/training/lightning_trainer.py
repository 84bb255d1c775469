"""Lightning's `Trainer` as OTX uses it: it runs the loops and is silent; the rest is done by our own callbacks."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.accelerators import Accelerator
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from otx.core.errors import UserError
from otx.training.checkpoint_io import SafetensorsIO
from otx.training.fsdp import ShardedStrategy
from otx.training.processes import launcher, place
from otx.training.settings import TrainingSettings

CHATTER = ("lightning.pytorch", "lightning.fabric", "lightning_utilities")


def make_trainer(
    settings: TrainingSettings, work_dir: Path, device: torch.device, callbacks: Sequence[Callback]
) -> Trainer:
    """A trainer without logger, bar, summary and sanity check, whose checkpoints are free of pickle."""
    precision = cast("Literal['32', 'bf16']", settings.precision)
    arguments = trainer_arguments(device, precision, settings.strategy)
    plugins = [SafetensorsIO(), *arguments.pop("plugins")]
    return Trainer(
        default_root_dir=work_dir,
        max_epochs=cast("int", settings.max_epochs),
        accumulate_grad_batches=cast("int", settings.accumulate),
        callbacks=list(callbacks),
        plugins=plugins,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_autolog_hparams=False,
        **arguments,
    )


class XPUAccelerator(Accelerator):
    """Intel GPUs, which Lightning does not know but upstream PyTorch does."""

    def setup_device(self, device: torch.device) -> None:
        """Make the device the current one."""
        torch.xpu.set_device(device)

    def teardown(self) -> None:
        """Give the memory back."""
        torch.xpu.empty_cache()

    def get_device_stats(self, device: Any) -> dict[str, Any]:  # noqa: ANN401 - Lightning's own type
        """Memory statistics."""
        return dict(torch.xpu.memory_stats(device))

    @staticmethod
    def parse_devices(devices: Any) -> Any:  # noqa: ANN401
        """Device numbers as they are."""
        return devices

    @staticmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:  # noqa: ANN401
        """The devices of these numbers, or the first so many."""
        return [torch.device("xpu", i) for i in (range(devices) if isinstance(devices, int) else devices)]

    @staticmethod
    def auto_device_count() -> int:
        """Number of Intel GPUs."""
        return int(torch.xpu.device_count())

    @staticmethod
    def is_available() -> bool:
        """Whether there is one."""
        return bool(torch.xpu.is_available())

    @staticmethod
    def name() -> str:
        """The name in PyTorch."""
        return "xpu"


def trainer_arguments(
    device: torch.device, precision: Literal["32", "bf16"], strategy: Literal["ddp", "fsdp"] = "ddp"
) -> dict[str, Any]:
    """What Lightning's `Trainer` is told about the device, the other processes, and the precision of the arithmetic.

    Raises:
        UserError: Several processes were to use Intel GPUs.
    """
    plugins = [MixedPrecision("bf16-mixed", device.type)] if precision == "bf16" else []
    here = place()
    if here.size > 1:
        if device.type == "xpu":
            msg = "several Intel GPUs cannot train together yet; train on one, or on processors (--device cpu)"
            raise UserError(msg)
        # A part of a model may be left out of a step, for example where no image of the batch has an object.
        apart = DDPStrategy(cluster_environment=launcher(), find_unused_parameters=True)
        nodes = here.size // here.local_size
        return {
            "accelerator": device.type, "devices": here.local_size, "num_nodes": nodes,
            "strategy": ShardedStrategy(cluster_environment=launcher()) if strategy == "fsdp" else apart,
            "plugins": plugins,
            "inference_mode": strategy == "ddp",  # what is gathered in it could not be trained with afterwards
        }  # fmt: skip
    if device.type == "xpu":
        return {"strategy": SingleDeviceStrategy(device, accelerator=XPUAccelerator()), "plugins": plugins}
    return {"accelerator": device.type, "devices": 1 if device.type == "cpu" else [device.index], "plugins": plugins}


@contextmanager
def silenced() -> Iterator[None]:
    """Keeps Lightning's tips and its warnings about workers and hardware to itself; errors come through."""
    loggers = [logging.getLogger(name) for name in CHATTER]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class StopWitness(Callback):
    """Remembers that somebody stopped the run, which Lightning turns into an exit of the process."""

    def __init__(self) -> None:
        self.stopped = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ctrl-C is a KeyboardInterrupt, SIGTERM comes as Lightning's SystemExit."""
        self.stopped = isinstance(exception, KeyboardInterrupt | SystemExit)


@contextmanager
def interruptible() -> Iterator[None]:
    """Gives Ctrl-C back to who had it; Lightning ignores it from the first one on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
