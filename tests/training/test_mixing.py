"""MixUp and CutMix: what they make of a batch, who can learn from it, and that a resumed run mixes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from tiny_training import Accuracy, TinyData, tiny_model, tiny_settings

from otx.core.errors import UserError
from otx.core.model import OTXModel
from otx.training import keeper
from otx.training.fit import InterruptedTrainingError, fit
from otx.training.mixing import make_mixing

MIXED = {"mixup": 0.4, "cutmix": 1.0}


def train(folder: Path, *callbacks: Callback, settings: dict[str, Any], resume: bool = False) -> bytes:
    result = fit(
        tiny_model(), TinyData(), Accuracy(), tiny_settings(max_epochs=2, **settings), folder,
        model_name="tiny/classifier", monitor="confidence", show=False, resume=resume, callbacks=callbacks,
    )  # fmt: skip
    return result.last_path.read_bytes()


class Stop(Callback):
    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.fit_loop.total_batch_idx == 10:
            raise KeyboardInterrupt


def test_images_and_labels_are_mixed_by_the_same_share() -> None:
    batch = next(iter(TinyData().loader("train", train=True)))
    mix = make_mixing(tiny_settings(mixup=1.0), tiny_model())
    assert mix is not None
    torch.manual_seed(3)
    mixed = mix(batch)
    share = float(mixed.labels[0].max())
    assert 0.5 < share < 1
    assert mixed.labels.sum(1).tolist() == pytest.approx([1.0] * 4)
    candidates = [share * a + (1 - share) * b for a, b in (batch.images[[0, -1]], batch.images[[-1, 0]])]
    assert any(torch.allclose(mixed.images[0], one, atol=1e-3) for one in candidates)
    assert make_mixing(tiny_settings(), tiny_model()) is None


def test_a_run_resumed_in_the_middle_of_an_epoch_mixes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = train(tmp_path / "unbroken", settings=MIXED)
    monkeypatch.setattr(keeper, "SAVE_SECONDS", 0.0)
    with pytest.raises(InterruptedTrainingError):
        train(tmp_path / "broken", Stop(), settings=MIXED)
    assert train(tmp_path / "broken", settings=MIXED, resume=True) == unbroken
    assert "batches of the next" in (tmp_path / "broken/train.log").read_text()
    assert train(tmp_path / "plain", settings={}) != unbroken


def test_what_cannot_be_mixed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"training\.mixup: expected a number of at least 0, got -1"):
        make_mixing(tiny_settings(mixup=-1.0), tiny_model())
    monkeypatch.setattr(type(tiny_model()), "soft_labels", OTXModel.soft_labels)
    with pytest.raises(UserError, match=r"training\.cutmix: expected 0, because TinyClassifier learns from whole"):
        make_mixing(tiny_settings(cutmix=1.0), tiny_model())
