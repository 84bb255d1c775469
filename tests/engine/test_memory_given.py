"""Batches are made smaller until a trial in another process stays within the memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from otx.cli.lines import parse_size
from otx.core.catalog import ModelRow
from otx.core.errors import OTXError, UserError
from otx.core.input_spec import InputSpec
from otx.core.model import OTXModel
from otx.engine import Engine, ram
from otx.engine.reading import read_data
from otx.recipes.plan import Plan
from otx.tasks import task_spec
from otx.training.ram import GIB, available, peak, resident

SPEC = InputSpec(height=224, width=224)
MADE = (
    ModelRow(
        name="x/y", task="MULTI_CLASS_CLS", adapter="a:b", arch="y", input_spec=SPEC, parameters=10**7, package="torch"
    ),
    SPEC,
)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tmp_path_factory.mktemp("digits")
    task_spec("MULTI_CLASS_CLS").load("demo")(root)
    engine = Engine(root, model="timm/resnet10t", pretrained=False, settings={"model.input_size": [32, 32]})
    return engine.configure(max_epochs=1)


def planned(given: float, batch: int = 16) -> Plan:
    plan = Plan()
    plan.add_user({"training.ram": given, "training.accumulate": 1}, "given")
    plan.add_user({"data.batch_size": batch, "data.eval_batch_size": batch}, "given")
    return plan


def test_batches_are_halved_until_the_trial_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    took = {16: math.inf, 8: 3.9, 4: 3.0}
    monkeypatch.setattr(ram, "_try", lambda plan, _limit: took[plan["data.batch_size"]])
    plan = planned(4.0)
    ram.fit_ram(plan, *MADE)
    assert (plan["data.batch_size"], plan["training.accumulate"]) == (4, 4)
    assert plan.choices["data.batch_size"].reason == "batches of 8 took more than the 4.0 GiB given, in a trial"


def test_one_image_too_many_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ram, "_try", lambda _plan, _limit: math.inf)
    with pytest.raises(OTXError, match=r"one image at a time took more than the 0.5 GiB given.*input_size"):
        ram.fit_ram(planned(0.5), *MADE)


@pytest.mark.parametrize(
    ("free", "batch", "tried"), [(20.0, 32, False), (6.0, 32, True), (6.0, 4, False), (1.0, 4, True)]
)
def test_without_a_limit_the_free_memory_decides(
    monkeypatch: pytest.MonkeyPatch, free: float, batch: int, tried: bool
) -> None:
    limits: list[float] = []
    monkeypatch.setattr(ram, "available", lambda: free)
    monkeypatch.setattr(ram, "_try", lambda _plan, limit: limits.append(limit) or 0.5)
    ram.fit_ram(planned(0.0, batch), *MADE)
    assert limits == ([free * ram.SHARE] if tried else [])


@pytest.mark.framework("timm")
def test_a_real_trial_ends_itself_above_its_limit_and_says_what_it_took(plan: Plan) -> None:
    assert ram._try(plan, 0.2) == math.inf
    assert 0.3 < ram._try(plan, 20.0) < 4.0


def test_a_trial_that_fails_is_told_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    plan = planned(4.0)
    ram.fit_ram(plan, *MADE)
    assert plan["data.batch_size"] == 16
    assert "the trial failed" in caplog.text
    assert "no data set" in caplog.text


@pytest.mark.framework("timm")
def test_a_run_that_goes_on_may_get_less(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"model.input_size": [32, 32], "training.precision": "32", "training.channels_last": False}
    engine = Engine(plan["data_root"], model="timm/resnet10t", pretrained=False, work_dir=tmp_path, settings=settings)
    engine.train(max_epochs=1)
    before = Plan.read(tmp_path / "plan.yaml")["data.batch_size"]
    monkeypatch.setattr(ram, "_try", lambda now, _limit: 3.0 if now["data.batch_size"] < before else math.inf)
    done = engine.train(max_epochs=2, ram=4.0, resume=True)
    after = Plan.read(tmp_path / "plan.yaml")
    assert (after["data.batch_size"], after["training.accumulate"]) == (before // 2, 2)
    assert (done.epochs, done.ram) == (2, 4.0)
    assert 0 < done.ram_used < 4


@pytest.mark.parametrize(
    ("task", "model", "whole"),
    [
        pytest.param("ANOMALY_CLASSIFICATION", "anomalib/padim_random", True, marks=pytest.mark.framework("anomalib")),
        pytest.param("MULTI_CLASS_CLS", "timm/resnet10t", False, marks=pytest.mark.framework("timm")),
    ],
)
def test_what_is_fitted_in_one_pass_is_tried_on_all_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, model: str, whole: bool
) -> None:
    task_spec(task).load("demo")(tmp_path / "data")
    settings = {"model.input_size": [64, 64], "data.batch_size": 8}
    engine = Engine(tmp_path / "data", model=model, task=task, pretrained=False, settings=settings)
    plan, seen, forward = engine.configure(max_epochs=1), 0, OTXModel.forward

    def count(self: OTXModel[Any, Any], batch: Any) -> Any:
        nonlocal seen
        seen += batch.batch_size * self.training
        return forward(self, batch)

    monkeypatch.setattr(OTXModel, "forward", count)
    ram._trial(plan, tmp_path)
    images = len(read_data(plan).index.subsets["train"])
    assert seen == (images if whole else 8 * ram.STEPS)
    assert (tmp_path / "model.xml").is_file()


def test_models_that_no_other_process_can_build_are_refused(tmp_path: Path, plan: Plan) -> None:
    engine = Engine(plan["data_root"], model="timm/resnet10t", pretrained=False, work_dir=tmp_path, devices=2)
    with pytest.raises(UserError, match=r"training\.ram: a trial in another process"):
        engine.train(ram=4.0, max_epochs=1)


def test_what_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < resident() <= peak() < math.inf
    free = available()
    for name, value in (("max", GIB), ("current", GIB // 4)):
        (tmp_path / name).write_text(str(value))
    monkeypatch.setattr("otx.training.ram.CONTAINERS", ((str(tmp_path / "max"), str(tmp_path / "current")),))
    assert available() == min(free, 0.75) or free < 1
    (tmp_path / "max").write_text("max")
    assert available() > 0.75 or free < 1


def test_amounts_of_memory() -> None:
    assert (parse_size("--ram", "4G"), parse_size("--ram", "512M")) == (4.0, 0.5)
    for wrong in ("4", "4GB", "0G", "much"):
        with pytest.raises(UserError, match=r"--ram: expected an amount of memory such as 4G or 500M"):
            parse_size("--ram", wrong)
