"""Lightning's `Trainer` as OTX uses it: it runs the loops and is silent; the rest is done by our own callbacks."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Callback, LightningModule, Trainer

from otx.training.checkpoint_io import SafetensorsIO
from otx.training.device import trainer_arguments
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
