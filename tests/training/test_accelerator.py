"""Training on whatever accelerator the machine has; elsewhere there is nothing to test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import Accuracy, TinyData, tiny_model, tiny_settings

from otx.training.checkpoint import load_model
from otx.training.device import resolve_device
from otx.training.evaluate import evaluate
from otx.training.fit import FitResult, fit
from otx.training.speed import choose_speed

DEVICE = resolve_device("auto")
pytestmark = pytest.mark.skipif(DEVICE.type == "cpu", reason="no accelerator")


def train(folder: Path, *, resume: bool = False, **settings: Any) -> FitResult:
    return fit(
        tiny_model(), TinyData(workers=1), Accuracy(), tiny_settings(**settings), folder,
        model_name="tiny/classifier", monitor="confidence", device=DEVICE, resume=resume, show=False,
    )  # fmt: skip


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_it_trains_there_and_the_checkpoint_works_here(tmp_path: Path, precision: str) -> None:
    result = train(tmp_path, precision=precision, max_epochs=10)
    assert result.best_metrics["accuracy"] > 0.6
    model = tiny_model()
    load_model(result.best_path, model)
    loader = TinyData().loader("val", train=False)
    for device in (torch.device("cpu"), DEVICE):
        again = evaluate(model, loader, Accuracy(), device)
        assert again.values["confidence"] == pytest.approx(result.best_metrics["confidence"], abs=0.02)


def test_it_goes_on_there(tmp_path: Path) -> None:
    train(tmp_path, max_epochs=1)
    assert train(tmp_path, max_epochs=2, resume=True).epochs_done == 2


def test_speed_is_measured_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    batch = next(iter(TinyData().loader("train", train=True)))
    choice = choose_speed(tiny_model(), batch, DEVICE)
    assert set(choice.measured) >= {"FP32"}
