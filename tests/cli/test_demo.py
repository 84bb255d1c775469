"""`otx demo` goes through every step and ends with a table and paths; the steps are tested where they are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otx.data.tree import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from otx.engine import Engine
from otx.engine.results import ExportResult, PredictResult, TestResult, TrainResult
from otx.recipes.files import read_recipe, recipe_names
from otx.tasks import task_specs
from otx.training.fit import InterruptedTrainingError

Run = Callable[..., int]
PARITY = {"metric": "map", "reference": 0.6, "exported": 0.6, "drop_relative": 0.0, "max_drop": 0.01, "images": 60}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Any]]:
    """Stands in for the Engine's verbs and notes what they are asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("otx.data.digit_scenes.IMAGES", {"train": 4, "val": 2, "test": 3})
    seen: list[tuple[str, Any]] = []

    def train(engine: Engine) -> TrainResult:
        seen.append(("train", engine.given.plan()))
        assert engine.given.work_dir is not None
        return TrainResult(
            work_dir=engine.given.work_dir.absolute(), task="DETECTION", model="net/small", checkpoint=Path("best"),
            last=Path("last"), monitor="map", metrics={"map": 0.6}, epochs=3, stopped_early=False, seconds=1.0,
        )  # fmt: skip

    def test(engine: Engine, checkpoint: Path | None = None) -> TestResult:
        seen.append(("test", checkpoint))
        return TestResult(
            work_dir=Path(), split="test", metrics={"map": 0.6, "map_50": 0.85 if checkpoint is None else 0.849},
            per_class={}, checkpoint=Path("best"), images=9, seconds=1.0,
        )  # fmt: skip

    def export(engine: Engine) -> ExportResult:
        seen.append(("export", None))
        return ExportResult(
            work_dir=Path(), model=tmp_path / "model.xml", checkpoint=Path("best"), format="openvino",
            precision="fp32", parity=PARITY,
        )  # fmt: skip

    def predict(engine: Engine, pictures: Path, checkpoint: Path) -> PredictResult:
        seen.append(
            (
                "predict",
                ([path for path in pictures.rglob("*") if path.suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES], checkpoint),
            )
        )
        return PredictResult(
            work_dir=Path(), predictions=tmp_path / "pictures/p.json", checkpoint=checkpoint,
            threshold=0.5, images=9, seconds=1.0,
        )  # fmt: skip

    for verb in (train, test, export, predict):
        monkeypatch.setattr(Engine, verb.__name__, verb)
    return seen


def test_every_step_is_done_and_shown(
    otx: Run, steps: list[tuple[str, Any]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx("demo") == 0
    assert [name for name, _ in steps] == ["train", "test", "export", "test", "predict"]
    plan = steps[0][1]
    assert plan["task"] == "DETECTION"
    assert plan["model.pretrained"] is False
    assert plan["data_root"] == str(tmp_path / "otx-demo" / "detection-data")
    assert steps[3][1] == tmp_path / "model.xml"
    pictures, checkpoint = steps[4][1]
    assert len(pictures) == 3
    assert checkpoint == tmp_path / "model.xml"
    text = capfd.readouterr().out
    assert re.search(r"map_50 +0\.8500 +0\.8490", text)
    assert re.search(r"map +0\.6000 +0\.6000 +0\.00% +1\.00% .* 60", text)
    for step in ("write data", "train", "test checkpoint", "export and compare", "test OpenVINO IR", "predict with IR"):
        assert step in text
    assert "pictures     pictures" in text


def test_it_can_be_done_again_and_in_json(
    otx: Run, steps: list[tuple[str, Any]], capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx("demo", "--work_dir", "first", "--json") == 0
    first = json.loads(capfd.readouterr().out)
    assert otx("demo", "--work_dir", "second", "--json") == 0
    second = json.loads(capfd.readouterr().out)
    assert first["data_root"] == second["data_root"]
    assert first["work_dir"] != second["work_dir"]
    assert first["metrics_exported"] == {"map": 0.6, "map_50": 0.849}


def test_one_that_was_stopped_names_a_command_that_goes_on(
    otx: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop(engine: Engine) -> None:
        raise InterruptedTrainingError("1 of 3 epochs", "kept. Go on with the same command and --resume")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("otx.data.digit_scenes.IMAGES", {"train": 4, "val": 2, "test": 3})
    monkeypatch.setattr(Engine, "train", stop)
    assert otx("demo", "--work_dir", "mine") == 130
    text = " ".join(capfd.readouterr().err.split())
    assert "1 of 3 epochs kept in mine. Go on with the training alone: otx train --work_dir mine --resume" in text
    assert "same command" not in text


@pytest.mark.parametrize("task", task_specs())
def test_every_task_can_be_demonstrated(otx: Run, steps: list[tuple[str, Any]], task: str) -> None:
    assert otx("demo", "--task", task) == 0
    assert steps[0][1]["task"] == task
    assert steps[4][1][0], "there is something to predict on"


def test_each_recipe_of_a_demonstration_belongs_to_a_task_and_fixes_its_length() -> None:
    recipes = [name for name in recipe_names() if name.startswith("demo/")]
    assert "demo/detection" in recipes
    assert {f"demo/{spec.recipe}" for spec in task_specs().values()} >= set(recipes)
    assert all("training.max_epochs" in read_recipe(name) for name in recipes)
