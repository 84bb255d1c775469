"""Models that are fitted to what they see in an epoch go through the same training, checkpoints and resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import LABELS, SPEC, Accuracy, TinyClassifier, TinyData, tiny_settings
from torch import Tensor, nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.errors import UserError
from otx.training.checkpoint import load_model, read_state
from otx.training.fit import FitResult, fit
from otx.training.resume import find_state
from otx.training.settings import OptimizerSettings
from otx.training.speed import choose_speed


class Memory(nn.Module):
    """Knows a colour by the nearest one that it remembers; how many there are is known after an epoch only."""

    colours: Tensor
    labels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("colours", torch.empty(0, 3))
        self.register_buffer("labels", torch.empty(0, dtype=torch.long))

    def forward(self, pixels: Tensor) -> Tensor:
        means = pixels.mean(dim=(2, 3))
        if self.training:
            return means
        nearest = torch.cdist(means, self.colours).argmin(dim=1)
        return 9.0 * nn.functional.one_hot(self.labels[nearest], len(LABELS))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        self.colours = torch.empty_like(state_dict[f"{prefix}colours"])
        self.labels = torch.empty_like(state_dict[f"{prefix}labels"])
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Rememberer(TinyClassifier):
    def create_model(self) -> nn.Module:
        self.seen: list[tuple[Tensor, Tensor]] = []
        return Memory()

    def customize_outputs(self, outputs: Any, batch: Any) -> Any:
        if self.training:
            self.seen.append((outputs, batch.labels))
            return OTXBatchLossEntity({})
        return super().customize_outputs(outputs, batch)

    def finish_epoch(self) -> None:
        colours, labels = zip(*self.seen, strict=True)
        self.seen.clear()
        self.model.colours, self.model.labels = torch.cat(colours), torch.cat(labels)


def train(folder: Path, *, resume: bool = False, **settings: Any) -> tuple[FitResult, Rememberer]:
    chosen = tiny_settings(**({"max_epochs": 1, "ema_decay": 0.0, "optimizer": OptimizerSettings()} | settings))
    model = Rememberer(LABELS, SPEC)
    result = fit(
        model, TinyData(), Accuracy(), chosen, folder, model_name="tiny/memory", monitor="accuracy", show=False,
        resume=resume,
    )  # fmt: skip
    return result, model


def test_one_epoch_is_enough_and_its_buffers_are_in_the_checkpoint(tmp_path: Path) -> None:
    result, model = train(tmp_path)
    assert result.epochs_done == 1
    assert result.best_metrics["accuracy"] == 1.0
    assert read_state(result.best_path)["model.colours"].shape == (26, 3)
    twin = Rememberer(LABELS, SPEC)
    load_model(result.best_path, twin)
    assert torch.equal(twin.model.colours, model.model.colours)
    assert "epoch 1/1  accuracy 1.0000  " in (tmp_path / "train.log").read_text()
    assert (tmp_path / "metrics.csv").read_text().splitlines()[1].startswith("1,0")


def test_each_epoch_starts_anew(tmp_path: Path) -> None:
    _, model = train(tmp_path, max_epochs=3)
    assert len(model.model.colours) == 26


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    _, straight = train(tmp_path / "straight", max_epochs=2)
    train(tmp_path / "resumed")
    assert find_state(tmp_path / "resumed" / "checkpoints" / "resume.safetensors", resume=True) is not None
    result, resumed = train(tmp_path / "resumed", max_epochs=2, resume=True)
    assert result.epochs_done == 2
    assert torch.equal(resumed.model.colours, straight.model.colours)


def test_an_average_of_weights_that_there_are_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.ema_decay: expected 0, because this model is fitted"):
        train(tmp_path, ema_decay=0.9)


def test_speed_is_measured_without_gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = Rememberer(LABELS, SPEC)
    batch = next(iter(TinyData().loader("train", train=True)))
    assert choose_speed(model, batch, torch.device("cpu")).measured
    assert not model.seen
