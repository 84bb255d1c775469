"""What lies in `examples/` does what it says."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest

from otx.testing.models import check_model

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name):
    return runpy.run_path(str(EXAMPLES / name), run_name="example")


def test_own_model_as_an_object_and_by_name(desk, otx):
    run("own_model.py")["main"](desk / "my_folders", desk / "by-object")
    assert (desk / "by-object" / "export" / "model.xml").is_file()
    model = f"{EXAMPLES / 'own_model.py'}:ColourCounts"
    otx(["otx", "train", "--data_root", "my_folders", "--model", model, "--max_epochs", "1", "--work_dir", "by-name"])
    assert (desk / "by-name" / "checkpoints" / "best.safetensors").is_file()


@pytest.mark.framework("torchvision")
def test_own_data(desk):
    run("own_data.py")["main"](desk / "run", images=16, epochs=1)
    metrics = json.loads((desk / "run" / "test" / "metrics.json").read_text())
    assert (metrics["images"], metrics["checkpoint"].endswith("model.xml")) == (16, True)
    assert (desk / "run" / "plots" / "test_predictions.jpg").is_file()


@pytest.mark.slow
@pytest.mark.framework("torchvision")
def test_own_data_is_learned(desk):
    run("own_data.py")["main"](desk / "run")
    assert json.loads((desk / "run" / "test" / "metrics.json").read_text())["metrics"]["map_50"] > 0.5


def test_own_package(desk, install, otx, capsys):
    shutil.copytree(EXAMPLES / "own_package", desk, dirs_exist_ok=True)
    install()
    otx(["otx", "find", "--pattern", "few_pixels"])
    assert "few_pixels/linear" in capsys.readouterr().out
    words = ["--data_root", "my_folders", "--model", "few_pixels/linear", "--max_epochs", "1", "--work_dir", "run"]
    otx(["otx", "train", *words])
    (row,) = runpy.run_path(str(desk / "few_pixels" / "catalog.py"))["ROWS"]
    check_model(row, quantize=False)
