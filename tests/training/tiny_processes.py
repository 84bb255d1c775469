"""The small training run, shared by processes: without what makes two halves of a batch differ from the whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from lightning.pytorch import Callback
from tiny_training import Accuracy, Squares, TinyClassifier, TinyData, tiny_settings
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader

from otx.core.errors import UserError
from otx.data.sampler import EpochSampler
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.training import fsdp
from otx.training.budget import EpochTime
from otx.training.fit import FitResult, InterruptedTrainingError, fit
from otx.training.processes import agree, place
from otx.training.settings import OptimizerSettings


class PlainClassifier(TinyClassifier):
    """Has neither batch statistics nor dropout, but a part that no step uses."""

    def create_model(self) -> nn.Module:
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
        self.idle = nn.Linear(2, 2)
        return network

    def customize_inputs(self, batch: MultiClassClsBatchDataEntity) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}


class SharedData(TinyData):
    def loader(self, subset: str, train: bool) -> DataLoader[Any]:
        whole = super().loader(subset, train)
        if not train:
            return whole
        sampler = EpochSampler(self.sizes[subset], 7, shuffle=True, rank=place().rank, world=place().size)
        size = 4 // place().size
        return DataLoader(Squares(self.sizes[subset], 1), size, sampler=sampler, collate_fn=whole.collate_fn)


def train(folder: Path, max_epochs: int, *, resume: bool = False, seconds: float = 0.0) -> FitResult:
    torch.manual_seed(0)
    optimizer = OptimizerSettings(lr=0.01, clip_norm=1.0)
    settings = tiny_settings(max_epochs=max_epochs, accumulate=1, optimizer=optimizer, time=seconds)
    return fit(
        PlainClassifier(), SharedData(train=24), Accuracy(), settings, folder,
        model_name="tiny/classifier", monitor="confidence", seed=5, resume=resume, show=False,
        epoch=EpochTime(0.1, 0.1) if seconds and not place().rank else None,
    )  # fmt: skip


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 31), nn.ReLU(), nn.Linear(31, 8))
        self.scale = nn.Parameter(torch.ones(1))  # of which only one process can have a part

    def forward(self, features: Tensor) -> Tensor:
        return features + self.scale * self.mix(features)


class BlockNetwork(nn.Module):
    """Repeats a block, and has a part that only the first process uses."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.seldom = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.stem(pixels)
        for block in self.blocks:
            features = block(features)
        return self.head(features + 0 * self.seldom(features) if place().rank == 0 else features)


class BlockClassifier(TinyClassifier):
    def create_model(self) -> nn.Module:
        return BlockNetwork()


class Held(Callback):
    """Notes how many parameters this process held between two steps, and of how many."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"held_{place().rank}.json"

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        parameters = list(pl_module.parameters())
        held = [(one.to_local() if isinstance(one, DTensor) else one).numel() for one in parameters]
        self.file.write_text(json.dumps([sum(held), sum(one.numel() for one in parameters)]))


def train_blocks(folder: Path, strategy: Any, *, stop: int = 0, **changes: Any) -> FitResult | None:
    """Three epochs with an average; None where it is stopped after so many, and otherwise it goes on."""

    def listen(report: Any) -> None:
        if report.epoch == stop:
            raise KeyboardInterrupt

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(place().rank)  # it is the first process that says with what weights all begin
    settings = tiny_settings(
        strategy=strategy, accumulate=1, optimizer=OptimizerSettings(lr=0.01, clip_norm=0.1), **changes
    )
    with suppress(InterruptedTrainingError), patch.object(fsdp, "FEWEST", 100):
        return fit(
            BlockClassifier(), SharedData(train=24), Accuracy(), settings, folder, model_name="tiny/blocks",
            monitor="confidence", seed=5, resume=True, show=False, listeners=[listen], callbacks=[Held(folder)],
        )  # fmt: skip
    return None


def share_blocks(root: Path) -> FitResult | None:
    """A run of two processes; one that is stopped and goes on; one that is for others to go on with, and of theirs."""
    result = train_blocks(root / "shared", "fsdp")
    train_blocks(root / "stopped", "fsdp", stop=1)
    if place().rank == 0:
        shutil.copytree(root / "stopped", root / "handed over")
    agree(None)
    train_blocks(root / "stopped", "fsdp")
    train_blocks(root / "alone and stopped", "fsdp")
    train_blocks(root / "halves", "fsdp", precision="bf16")
    return result


def be_wrong() -> None:
    raise UserError("no such thing")


def be_killed() -> None:
    agree(None)
    os.kill(os.getpid(), signal.SIGKILL)
