"""Where not one epoch fits in the time, a lighter model is taken; never in place of one that the user named."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.generated import pictures, write_image_folders

from otx.core.catalog import ModelRow, Weights
from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.engine import Engine, lighter, measure
from otx.engine import repeat as engine_repeat
from otx.engine import train as engine_train
from otx.engine.results import TrainResult
from otx.recipes.plan import Plan
from otx.training.budget import EpochTime

COCO = Weights(url="https://example.org/x-12345678.pth", licence="MIT", trained_on="COCO")
ROW = ModelRow(
    name="x/default",
    task="DETECTION",
    adapter="a:b",
    arch="y",
    input_spec=InputSpec(height=320, width=320),
    parameters=100,
    package="torch",
    weights=COCO,
)
SPEC = ROW.input_spec.with_size(160, 192)
SMALLER = replace(ROW, name="x/smaller", parameters=50)


def plan_of(pretrained: bool | str = True) -> Plan:
    plan = Plan()
    plan.choose("model.name", ROW.name, "default")
    plan.add_user({"model.pretrained": pretrained}, "given")
    return plan


def test_the_smallest_comes_first() -> None:
    rows = [ROW, replace(SMALLER, name="x/tiny", parameters=10), SMALLER, replace(ROW, name="x/large", parameters=200)]
    assert [row.name for row in lighter.stand_ins(plan_of(), ROW, SPEC, rows)] == ["x/tiny", "x/smaller"]


@pytest.mark.parametrize(
    "less",
    [
        {"exportable": False},
        {"quantizable": False},
        {"explainable": False},
        {"package": "no_such_package"},
        {"recipe": "visual_prompting/zero_shot"},
        {"input_spec": InputSpec(height=320, width=320, multiple_of=0)},
        {"input_spec": InputSpec(height=320, width=320, multiple_of=14)},
        {"input_spec": InputSpec(height=320, width=320, square=True)},
    ],
)
def test_what_can_do_less_is_no_stand_in(less: dict[str, Any]) -> None:
    assert lighter.stand_ins(plan_of(), ROW, SPEC, [replace(SMALLER, **less)]) == []


def test_rgb_only_is_no_stand_in_for_other_images() -> None:
    rows = [replace(SMALLER, rgb_only=True)]
    five = replace(SPEC, channels=5, mean=(0.5,) * 5, std=(0.5,) * 5)
    assert lighter.stand_ins(plan_of(), ROW, SPEC, rows) == rows
    assert lighter.stand_ins(plan_of(), ROW, five, rows) == []


@pytest.mark.parametrize("weights", [None, replace(COCO, trained_on="ImageNet-1k")])
def test_a_stand_in_has_weights_as_good_unless_none_are_wanted(weights: Weights | None) -> None:
    rows = [replace(SMALLER, weights=weights)]
    assert lighter.stand_ins(plan_of(pretrained=True), ROW, SPEC, rows) == []
    assert lighter.stand_ins(plan_of(pretrained=False), ROW, SPEC, rows) == rows


def test_what_the_user_named_stays() -> None:
    plan = plan_of()
    plan.add_user({"model.name": ROW.name}, "given")
    assert lighter.stand_ins(plan, ROW, SPEC, [SMALLER]) == []
    assert lighter.stand_ins(plan_of(pretrained="weights.safetensors"), ROW, SPEC, [SMALLER]) == []


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lighter") / "data"
    write_image_folders(folder, pictures())
    return folder


def train(
    data: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    cost: dict[str, float],
    model: str | None = None,
    measuring: float = 0.0,
) -> Plan:
    """Plan a training of 60,000 s, where an epoch costs so many seconds for each pixel, and measuring it so many."""
    clock, skipped = time.monotonic, [0.0]

    def seconds(model: Any, loaders: Any, *_: object, **__: object) -> EpochTime:
        skipped.append(measuring)
        return EpochTime(_cost(model, cost) * float(next(iter(loaders[0])).images.shape[-1] ** 2), 0.0)

    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(skipped))
    monkeypatch.setattr(measure, "seconds_per_epoch", seconds)
    monkeypatch.setattr(lighter, "_step", lambda _plan, model, _batch: _cost(model, cost))
    monkeypatch.setattr(engine_train, "fit", _begin)
    fixed = {"training.precision": "32", "training.channels_last": False}
    engine = Engine(data, model=model, work_dir=folder / "run", pretrained=False, settings=fixed)
    with contextlib.suppress(PlannedError):
        engine.train(time=6e4)
    return Plan.read(folder / "run/plan.yaml")


class PlannedError(Exception):
    """Training would begin."""


def _begin(*_: object, callbacks: list[Any], **__: object) -> None:
    for callback in callbacks:
        callback.on_train_start(None, None)
    raise PlannedError


def _cost(model: Any, cost: dict[str, float]) -> float:
    return next((value for name, value in cost.items() if model.arch.startswith(name)), 100.0)


@pytest.mark.framework("timm")
def test_a_lighter_model_where_the_smallest_input_leaves_no_epoch(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="otx")
    plan = train(data, tmp_path, monkeypatch, cost={"resnet10t": 20, "mobilenetv4_conv_small": 0.5})
    choice = plan.choices["model.name"]
    assert (choice.value, choice.origin) == ("timm/mobilenetv4_conv_small", "auto")
    assert choice.reason == ("lighter: not one epoch of timm/resnet10t at 64x64 fits in the time, of this about 28")
    assert f"time      {choice.value} is {choice.reason}" in caplog.messages
    assert plan["model.input_size"] == [64, 64]  # at which it was timed
    assert plan["training.max_epochs"] >= 10


@pytest.mark.framework("timm")
@pytest.mark.parametrize("cost", [0.1, 1.0, 10.0])  # enough time; a smaller input is enough; an epoch of that fits
def test_the_default_stays(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
    plan = train(data, tmp_path, monkeypatch, cost={"resnet10t": cost, "mobilenetv4_conv_small": 0.01})
    assert (plan["model.name"], plan.choices["model.name"].origin) == ("timm/resnet10t", "auto")


@pytest.mark.framework("timm")
@pytest.mark.parametrize(
    ("other", "model", "look"),
    [(19, None, 1), (0.5, "timm/resnet10t", 1), (0.5, None, 0)],  # none is fast; named; no time to find the fast one
)
def test_no_epoch_of_a_named_model_or_of_any_fits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: float, model: str | None, look: float
) -> None:
    monkeypatch.setattr(lighter, "LOOK", look)
    with pytest.raises(UserError, match=r"cannot hold an epoch, nor 8 batches .* takes about 81920 s"):
        train(data, tmp_path, monkeypatch, cost={"resnet10t": 20, "mobilenetv4_conv_small": other}, model=model)


@pytest.mark.framework("timm")
def test_where_not_one_epoch_fits_a_part_of_one_is_trained(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_train, "FEWEST_BATCHES", 2)
    plan = train(data, tmp_path, monkeypatch, cost={"resnet10t": 20}, model="timm/resnet10t")
    assert plan["training.max_epochs"] == 1
    assert plan.choices["training.max_epochs"].reason.startswith("0.71 fit in the 58")


@pytest.mark.framework("timm")
def test_no_time_to_measure_another(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = {"resnet10t": 20, "mobilenetv4_conv_small": 0.5}
    with pytest.raises(UserError, match="cannot hold an epoch"):
        train(data, tmp_path, monkeypatch, cost=cost, measuring=16e3)
    assert train(data, tmp_path, monkeypatch, cost=cost, measuring=8e3)["model.name"] == "timm/mobilenetv4_conv_small"


@pytest.mark.parametrize("named", [None, "x/named"])
def test_later_seeds_train_the_model_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    models = []

    def train(given: Any, _extra: object, *, resume: bool) -> Any:
        assert not resume
        models.append(given.plan()["model.name"])
        return TrainResult(
            work_dir=given.work_dir, task="DETECTION", model="x/first", checkpoint=Path(), last=Path(), monitor="m",
            metrics={"m": 0.5}, epochs=1, stopped_early=False, seconds=1.0,
        )  # fmt: skip

    monkeypatch.setattr(engine_repeat, "train", train)
    Engine(tmp_path, model=named, work_dir=tmp_path / "runs").train_seeds(3, time=60)
    assert models == ([named] * 3 if named else ["auto", "x/first", "x/first"])
