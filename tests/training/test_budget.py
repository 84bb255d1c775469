"""A training by the clock plans epochs that fit, and changes the plan only where it must."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import Accuracy, TinyData, tiny_model, tiny_settings

from otx.core.errors import UserError
from otx.training.budget import Budget, seconds_per_epoch
from otx.training.fit import fit


def train(folder: Path, *, seconds: float, resume: bool = False, max_epochs: int = 3) -> Any:
    return fit(
        tiny_model(), TinyData(), Accuracy(), tiny_settings(time=seconds, max_epochs=max_epochs), folder,
        model_name="tiny/classifier", monitor="confidence", show=False, resume=resume,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spent", "done", "planned", "epoch", "fitting"),
    [
        (40, 4, 10, 10, 9),  # 57 s are left: five more
        (40, 4, 9, 10, 9),
        (40, 4, 8, 9.4, 10),  # six more would fit, four are planned
        (40, 5, 10, 9.4, 10),  # one more than planned would just fit: leave it
        (200, 4, 9, 10, 4),
    ],
)
def test_epochs_that_fit(spent: float, done: int, planned: int, epoch: float, fitting: int) -> None:
    budget = Budget(100, time.monotonic() - spent, note=print)
    assert budget.fitting(done, planned, epoch) == fitting


def test_time_between_kill_and_resume_is_not_counted() -> None:
    before = Budget(100, time.monotonic() - 30, note=print)
    after = Budget(100, time.monotonic() - 5, note=print)
    after.load_state_dict(before.state_dict())
    assert 35 <= after.spent < 36


def test_a_run_whose_time_is_over_ends_after_its_epoch(tmp_path: Path) -> None:
    result = train(tmp_path, seconds=1e-6)
    assert (result.epochs_done, result.stopped_early) == (1, False)
    assert "1 epochs fit in the time instead of 3" in (tmp_path / "train.log").read_text()
    assert train(tmp_path, seconds=1e-6, resume=True).epochs_done == 1


def test_an_epoch_is_measured_without_changing_the_model() -> None:
    model, data = tiny_model(), TinyData()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(1)
    loaders = (data.loader("train", train=True), data.loader("val", train=False))
    assert seconds_per_epoch(model, loaders, torch.device("cpu"), precision="32", channels_last=False) > 0
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_time_and_epochs_exclude_each_other(tmp_path: Path) -> None:
    from otx.engine import Engine
    from otx.tasks import task_spec

    task_spec("MULTI_CLASS_CLS").load("demo")(tmp_path / "data")
    fixed = {"training.precision": "32", "training.channels_last": False}
    engine = Engine(tmp_path / "data", pretrained=False, work_dir=tmp_path / "run", settings=fixed)
    with pytest.raises(UserError, match=r"training\.max_epochs is 3 already"):
        engine.train(max_epochs=3, time=60)
    with pytest.raises(UserError, match=r"cannot hold an epoch: one takes about"):
        engine.train(time=0.1)
    assert not (tmp_path / "run").exists()
