"""A training by the clock plans epochs that fit, and changes the plan only where it must."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import Accuracy, TinyData, tiny_model, tiny_settings

from otx.core.errors import UserError
from otx.training.budget import Budget, EpochTime, epochs_within, seconds_per_epoch
from otx.training.fit import fit
from otx.training.module import EpochTally, TrainingModule


def train(
    folder: Path, *, seconds: float, expected: EpochTime | None = None, resume: bool = False, began: float = 0.0
) -> Any:
    return fit(
        tiny_model(), TinyData(), Accuracy(), tiny_settings(time=seconds), folder,
        model_name="tiny/classifier", monitor="confidence", show=False, resume=resume, began=began, epoch=expected,
    )  # fmt: skip


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


class Clock:
    """Stands still but for the training's batches, of a second each, and the validation's, of half a second."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic

    def tick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("budget", "keeper", "module"):
            monkeypatch.setattr(f"otx.training.{module}.time", self)
        for name, seconds in (("training_step", 1.0), ("validation_step", 0.5)):
            monkeypatch.setattr(TrainingModule, name, self._slow(getattr(TrainingModule, name), seconds))
        monkeypatch.setattr(TrainingModule, "on_train_epoch_start", lambda module: self._begin(module))  # noqa: PLW0108 - binds

    def _begin(self, module: TrainingModule) -> None:
        module.tally = EpochTally(started=self.now)

    def _slow(self, step: Any, seconds: float) -> Any:
        def slow(*given: Any) -> Any:
            self.now += seconds
            return step(*given)

        return slow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.tick(monkeypatch)
    return clock


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    [
        (-3, 0),
        (1, 0),  # not even a validation
        (7, 0.5),
        (12, 1),
        (13, 1),  # the validation of a part does not fit
        (20, 1.6),
        (121, 10),
        (122.5, 10),  # a part of a hundredth is not worth it
        (127, 10.5),
    ],
)
def test_epochs_that_fit(seconds: float, epochs: float) -> None:
    assert epochs_within(seconds, EpochTime(training=10, validation=2)) == pytest.approx(epochs)


# An epoch has seven batches and a second and a half of validation, and a step takes two batches.
EXPECTED = EpochTime(7, 1.5)


@pytest.mark.parametrize("seconds", [17, 30, 51, 90, 131, 200])
@pytest.mark.parametrize("wrong", [0.8, 1.0, 1.3])
def test_the_time_is_filled_whatever_was_measured(tmp_path: Path, clock: Clock, seconds: float, wrong: float) -> None:
    result = train(tmp_path, seconds=seconds, expected=EpochTime(7 * wrong, 1.5 * wrong))
    assert 0.97 * seconds - 1.5 - 2 <= clock.now <= seconds, "less is left than a validation and a step take"
    assert not result.stopped_early
    lr = [float(row["lr"]) for row in rows(tmp_path)]
    assert min(lr) == lr[-1], "the schedule ends with the training"


def test_without_a_measurement_it_is_the_epochs_that_tell(tmp_path: Path, clock: Clock) -> None:
    train(tmp_path, seconds=60)
    assert 0.97 * 60 - 1.5 - 2 <= clock.now <= 60


def test_an_epoch_that_was_cut_short_is_over(tmp_path: Path, clock: Clock) -> None:
    whole, part = 7 + 1.5, 4 + 1.5
    assert train(tmp_path, seconds=15, expected=EXPECTED).epochs_done == 2
    assert [float(row["seconds"]) for row in rows(tmp_path)] == [whole, part]
    assert train(tmp_path, seconds=15, resume=True, began=clock.now).epochs_done == 2
    assert clock.now == whole + part
    assert train(tmp_path, seconds=42, resume=True, began=clock.now).epochs_done == 5
    assert [float(row["seconds"]) for row in rows(tmp_path)] == [whole, part, whole, whole, whole]


@pytest.mark.parametrize(("kill", "kept"), [(3, 2), (9, 8.5), (12, 12.5)])
def test_a_killed_run_fills_what_is_left(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, kill: int, kept: float
) -> None:
    monkeypatch.setattr("otx.training.keeper.SAVE_SECONDS", 0)
    step, calls = TrainingModule.training_step, iter(range(1, 100))

    def killed(*given: Any) -> Any:
        if next(calls) == kill:
            raise RuntimeError("killed")
        return step(*given)

    monkeypatch.setattr(TrainingModule, "training_step", killed)
    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path, seconds=51, expected=EXPECTED)
    clock.now += 1000
    result = train(tmp_path, seconds=51, resume=True, began=clock.now)
    assert result.earlier == kept
    assert 0.97 * 51 - 1.5 - 2 <= clock.now - 1000 <= 51


def test_time_between_kill_and_resume_is_not_counted() -> None:
    before = Budget(100, time.monotonic() - 30, note=print)
    after = Budget(100, time.monotonic() - 5, note=print)
    after.load_state_dict(before.state_dict())
    assert 35 <= after.spent < 36
    assert after.earlier == pytest.approx(30, abs=1)


def test_what_a_run_has_to_do_again_is_not_counted_twice() -> None:
    before = Budget(100, time.monotonic() - 30, note=print)
    before.earlier = 20
    again = Budget(100, before.began, note=print)  # after an out-of-memory, say
    again.load_state_dict(before.state_dict())
    assert 50 <= again.spent < 51


def test_a_run_whose_time_is_over_ends_after_its_epoch(tmp_path: Path) -> None:
    result = train(tmp_path, seconds=1e-6)
    assert (result.epochs_done, result.stopped_early) == (1, False)
    assert "0.25 epochs fit in the time instead of 3" in (tmp_path / "train.log").read_text()
    assert train(tmp_path, seconds=1e-6, resume=True).epochs_done == 1


def test_an_epoch_is_measured_without_changing_the_model() -> None:
    model, data = tiny_model(), TinyData()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(1)
    loaders = (data.loader("train", train=True), data.loader("val", train=False))
    assert min(seconds_per_epoch(model, loaders, torch.device("cpu"), precision="32", channels_last=False)) > 0
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
    with pytest.raises(UserError, match=r"cannot hold an epoch, nor 8 batches of one"):
        engine.train(time=0.1)
    assert not (tmp_path / "run").exists()
