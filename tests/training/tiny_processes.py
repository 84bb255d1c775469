"""The small training run, shared by processes: without what makes two halves of a batch differ from the whole."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import torch
from tiny_training import Accuracy, Squares, TinyClassifier, TinyData, tiny_settings
from torch import nn
from torch.utils.data import DataLoader

from otx.core.errors import UserError
from otx.data.sampler import EpochSampler
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.training.fit import FitResult, fit
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


def train(folder: Path, max_epochs: int, *, resume: bool = False) -> FitResult:
    torch.manual_seed(0)
    settings = tiny_settings(max_epochs=max_epochs, accumulate=1, optimizer=OptimizerSettings(lr=0.01, clip_norm=1.0))
    return fit(
        PlainClassifier(), SharedData(train=24), Accuracy(), settings, folder,
        model_name="tiny/classifier", monitor="confidence", seed=5, resume=resume, show=False,
    )  # fmt: skip


def be_wrong() -> None:
    raise UserError("no such thing")


def be_killed() -> None:
    agree(None)
    os.kill(os.getpid(), signal.SIGKILL)
