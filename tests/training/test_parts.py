"""The small parts of training: schedule, optimiser, average, random numbers, devices, choice of speed, progress."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tiny_training import Accuracy, TinyClassifier, TinyData, tiny_model, tiny_settings

from otx.core.errors import UserError
from otx.training.average import WeightAverage
from otx.training.curves import write_metrics
from otx.training.device import resolve_device
from otx.training.fit import fit
from otx.training.lightning_trainer import XPUAccelerator, trainer_arguments
from otx.training.optimizer import build_optimizer, set_lr
from otx.training.progress import ProgressReport, TrainLog
from otx.training.randomness import seed_step
from otx.training.schedule import Schedule
from otx.training.settings import OptimizerSettings, ScheduleSettings
from otx.training.speed import SpeedChoice, choose_speed

CPU = torch.device("cpu")


def test_the_schedule_goes_up_and_down() -> None:
    schedule = Schedule.plan(ScheduleSettings(final_ratio=0.1), 1000)
    factors = [schedule.factor(step) for step in range(1001)]
    assert schedule.warmup_steps == 100
    assert 0 < factors[0] < 0.01
    assert factors[100] == 1.0
    assert factors[:101] == sorted(factors[:101])
    assert factors[100:] == sorted(factors[100:], reverse=True)
    assert factors[1000] == schedule.factor(5000) == pytest.approx(0.1)


def test_the_peak_is_kept_for_a_share_of_the_schedule() -> None:
    schedule = Schedule.plan(ScheduleSettings(final_ratio=0.1, flat=0.5), 1000)
    factors = [schedule.factor(step) for step in range(1001)]
    assert factors[98] < factors[100] == factors[550] == 1 > factors[552]
    assert factors[1000] == pytest.approx(0.1)
    assert Schedule.plan(ScheduleSettings(flat=1.0), 1000).factor(999) == 1


@pytest.mark.parametrize(("total", "warmup"), [(0, 0), (5, 0), (40, 4), (100_000, 500)])
def test_the_warm_up_fits_the_run(total: int, warmup: int) -> None:
    assert Schedule.plan(ScheduleSettings(), total).warmup_steps == warmup


def test_a_warm_up_longer_than_the_run_is_only_a_way_up() -> None:
    schedule = Schedule.plan(ScheduleSettings(warmup_steps=10), 5)
    assert [schedule.factor(step) for step in range(5)] == [(step + 1) / 11 for step in range(5)]


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_groups_by_learning_rate_and_decay(name: Any) -> None:
    model = tiny_model()
    model.model.head.bias.requires_grad = False
    scales = {"model.stem": 0.5, "model.stem.1": 0.1}
    optimizer = build_optimizer(model, OptimizerSettings(name=name, lr=0.1, weight_decay=0.01, lr_scales=scales))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert found == {
        "model.stem.0.weight": (0.05, 0.01),
        "model.stem.0.bias": (0.05, 0.0),
        "model.stem.1.weight": (0.1 * 0.1, 0.0),
        "model.stem.1.bias": (0.1 * 0.1, 0.0),
        "model.mix.weight": (0.1, 0.01),
        "model.mix.bias": (0.1, 0.0),
        "model.head.weight": (0.1, 0.01),
    }
    set_lr(optimizer, 0.5)
    set_lr(optimizer, 0.2)
    assert {round(group["lr"], 6) for group in optimizer.param_groups} == {0.01, 0.002, 0.02}


def test_a_scale_of_nothing_freezes() -> None:
    model = tiny_model()
    optimizer = build_optimizer(model, OptimizerSettings(lr_scales={"model.stem": 0.0}))
    assert optimizer is not None
    stem, head = list(model.model.stem.parameters()), list(model.model.head.parameters())
    assert not any(parameter.requires_grad for parameter in stem)
    assert all(parameter.requires_grad for parameter in head)
    moved = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert not moved & {id(parameter) for parameter in stem}


def test_a_prefix_that_fits_nothing_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'model\.stm'\. Did you mean 'model\.stem'"):
        build_optimizer(tiny_model(), OptimizerSettings(lr_scales={"model.stm": 0.1}))


def test_the_average_follows_slowly_and_is_swapped_in_without_a_copy() -> None:
    model = tiny_model()
    average = WeightAverage(model, decay=0.5)
    weight = model.model.head.weight
    before = weight.detach().clone()
    with torch.no_grad():
        weight.add_(1.0)
        model.model.stem[1].num_batches_tracked.fill_(7)
    for _ in range(8):
        average.update()  # the decay has grown to 0.5 by the eighth step
    after = weight.detach().clone()
    address = weight.data_ptr()
    with average.applied():
        assert torch.all(weight > before)
        assert torch.all(weight < after)
        assert model.model.stem[1].num_batches_tracked == 7
        assert weight.data_ptr() != address
    assert torch.equal(weight, after)
    assert weight.data_ptr() == address


def test_an_average_comes_back_from_its_state() -> None:
    model = tiny_model()
    average = WeightAverage(model, decay=0.9)
    with torch.no_grad():
        model.model.head.weight.add_(1.0)
    average.update()
    other = WeightAverage(tiny_model(), decay=0.9)
    other.load(average.state())
    assert other.steps == 1
    assert all(torch.equal(other.state()["average"][name], value) for name, value in average.state()["average"].items())


def test_a_step_has_its_random_numbers_whatever_was_drawn_before() -> None:
    seed_step(1, 10, CPU)
    first = torch.rand(3)
    torch.rand(100)
    seed_step(1, 10, CPU)
    assert torch.equal(torch.rand(3), first)
    seed_step(1, 11, CPU)
    assert not torch.equal(torch.rand(3), first)
    seed_step(2, 10, CPU)
    assert not torch.equal(torch.rand(3), first)


def machine(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    for name in ("cuda", "xpu"):
        monkeypatch.setattr(f"torch.{name}.is_available", lambda name=name: name in there)
        monkeypatch.setattr(f"torch.{name}.device_count", lambda name=name: int(name in there))


def test_auto_takes_the_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    assert resolve_device("auto") == CPU
    machine(monkeypatch, "xpu")
    assert resolve_device("auto") == torch.device("xpu", 0)
    machine(monkeypatch, "xpu", "cuda")
    assert resolve_device("auto") == torch.device("cuda", 0)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "cuda")
    with pytest.raises(UserError, match=r"device 'xpu': .* it finds: cuda, cpu"):
        resolve_device("xpu")


def test_an_intel_gpu_gets_a_strategy_of_its_own() -> None:
    arguments = trainer_arguments(torch.device("xpu", 0), "bf16")
    assert isinstance(arguments["strategy"].accelerator, XPUAccelerator)
    assert arguments["strategy"].root_device == torch.device("xpu", 0)
    assert arguments["plugins"][0].device == "xpu"


class SlowClock:
    """Time passes only in the model, and depends on the layout and the precision it is fed."""

    def __init__(self) -> None:
        self.now = 0.0


class Timed(TinyClassifier):
    clock: SlowClock
    costs: Callable[[bool, bool], float]

    def __deepcopy__(self, memo: Any) -> Timed:
        copied = Timed()
        copied.clock, copied.costs = self.clock, self.costs
        return copied

    def customize_inputs(self, batch: Any) -> dict[str, Any]:
        layout = batch.images.is_contiguous(memory_format=torch.channels_last)
        self.clock.now += self.costs(layout, torch.is_autocast_enabled("cpu"))
        return super().customize_inputs(batch)


def choose(monkeypatch: pytest.MonkeyPatch, cache: Path, costs: Callable[[bool, bool], float], **more: Any) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    model = Timed()
    model.clock, model.costs = SlowClock(), costs
    batch = next(iter(TinyData().loader("train", train=True)))
    return choose_speed(model, batch, CPU, name="tiny", clock=lambda: model.clock.now, **more), model


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((1.0, 0.7, 1.5, 1.4), ("32", True)),
        ((1.0, 0.97, 0.96, 0.98), ("32", False)),
        ((1.0, 0.8, 0.5, 0.4), ("bf16", True)),
        ((1.0, 0.8, 0.75, 0.7), ("32", True)),
        ((1.0, 1.5, 0.5, 0.9), ("bf16", False)),
    ],
)
def test_the_fastest_way_is_chosen_if_it_is_worth_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, times: tuple[float, ...], expected: tuple[str, bool]
) -> None:
    choice, _ = choose(monkeypatch, tmp_path, lambda layout, half: times[2 * half + layout])
    assert (choice.precision, choice.channels_last) == expected
    assert f"FP32 channels_last {1000 * times[1]:.1f} ms" in choice.reason
    assert choice.measured["BF16"] == times[2]

    remembered, untouched = choose(monkeypatch, tmp_path, lambda layout, half: 1.0)
    assert remembered == choice
    assert untouched.clock.now == 0


def test_measuring_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    choice, model = choose(monkeypatch, tmp_path, lambda layout, half: 8.0 - layout, budget=20.0)
    assert choice.measured == {"FP32": 8.0, "FP32 channels_last": 7.0}
    assert model.clock.now <= 20.0 + 15.0


def test_measuring_leaves_weights_and_random_numbers_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = tiny_model()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    batch = next(iter(TinyData().loader("train", train=True)))
    torch.manual_seed(1)
    expected = torch.rand(4)
    torch.manual_seed(1)
    assert isinstance(choose_speed(model, batch, CPU), SpeedChoice)
    assert torch.equal(torch.rand(4), expected)
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_home_that_cannot_be_written_to_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    choice, _ = choose(monkeypatch, tmp_path / "file", lambda layout, half: 1.0)
    assert choice.precision == "32"


def test_columns_that_come_up_late_stand_before_the_speed(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.csv", [{"epoch": 1, "lr": 0.1}, {"epoch": 2, "map": 0.5, "lr": 0.1}])
    assert (tmp_path / "metrics.csv").read_text().split() == ["epoch,map,lr", "1,,0.1", "2,0.5,0.1"]


def test_a_long_epoch_is_reported_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.training.progress.LOG_INTERVAL", 0.0)
    settings = tiny_settings(max_epochs=1)
    fit(
        tiny_model(), TinyData(), Accuracy(), settings, tmp_path, model_name="t/t", monitor="accuracy", show=False
    )  # fmt: skip
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert "epoch 1/1  batch 1/7  loss " in lines[0]
    assert len(lines) == 9  # of seven batches, what bounds it, and of the epoch


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    stream = io.StringIO()
    log = TrainLog(tmp_path / "train.log", Console(file=stream, force_terminal=True))
    report = ProgressReport(log, "accuracy")
    assert report.live
    report._show("epoch 1", 10)
    report._hide()
    assert "epoch 1" in stream.getvalue()
    assert "0/10" in stream.getvalue()
