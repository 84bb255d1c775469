"""`optimize` from a checkpoint and from an IR, and what it refuses."""

from __future__ import annotations

import json
import logging
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openvino as ov
import pytest
from lightning.pytorch import Callback
from tests.generated import pictures, write_image_folders

from otx.cli.main import main
from otx.core.errors import UserError
from otx.deploy.quantize import LADDER
from otx.engine import Engine
from otx.engine.opening import open_model
from otx.engine.optimize import _require_quantizable
from otx.engine.qat import require_trainable
from otx.engine.speed import run_apart
from otx.frameworks import catalog
from otx.recipes.plan import Plan
from otx.tasks import task_spec
from otx.training.fit import fit

MODEL = """
from torch import nn
from otx.core.input_spec import InputSpec
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel

class Small(OTXMultiClassClsModel):
    default_input = InputSpec(height=32, width=32)

    def create_model(self):
        body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        return nn.Sequential(body, nn.Linear(72, len(self.label_info)))

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a small classifier, trained for an epoch on 20 images (four more have no label) and exported."""
    folder = tmp_path_factory.mktemp("optimize")
    write_image_folders(folder / "data", pictures({"train": 24, "val": 9}))
    (folder / "small.py").write_text(MODEL)
    trainer = Engine(folder / "data", model=f"{folder}/small.py:Small", work_dir=folder / "run")
    trainer.train(max_epochs=1)
    trainer.export(max_drop=1.0)
    return folder / "run"


def engine(run: Path, **more: Any) -> Engine:
    """As if the command said --model again."""
    return Engine(model=f"{run.parent}/small.py:Small", work_dir=run, **more)


def test_a_checkpoint_becomes_int8_by_way_of_fp32(run: Path) -> None:
    result = engine(run).optimize(max_drop=1.0)
    assert result.model == run / "optimize/model.xml"
    assert (run / "optimize/fp32.xml").is_file()
    assert result.calibration_images == 20
    assert result.parity["passed"]
    assert [one["name"] for one in result.parity["comparisons"]] == ["FP32 model", "INT8 model (default preset)"]
    assert result.parity["reference"] == result.parity["comparisons"][0]["reference"]
    assert result.parity["images"] == 9
    assert Engine(work_dir=run).test(result.model, split="val").metrics


def test_an_ir_is_its_own_reference(run: Path) -> None:
    result = Engine().optimize(run / "export/model.xml", method="accuracy", max_drop=1.0)
    assert result.rung == "INT8 model (accuracy-aware)"
    assert len(result.parity["comparisons"]) == 1
    assert result.work_dir == run


def test_a_checkpoint_is_trained_on_with_quantisers(run: Path) -> None:
    result = engine(run).optimize(method="qat", max_drop=1.0)
    assert result.rung == "INT8 model (quantisation-aware training)"
    assert [one["name"] for one in result.parity["comparisons"]] == ["FP32 model", result.rung]
    assert "of 3 at a learning rate of 1.0e-04" in result.parity["detail"]
    kinds = {node.get_type_name() for node in ov.Core().read_model(result.model).get_ops()}
    assert "FakeQuantize" in kinds
    plan = Plan.read(run / "optimize/qat/plan.yaml")
    for key, value in (("training.optimizer.lr", 1e-4), ("training.max_epochs", 3), ("training.precision", "32")):
        choice = plan.choices[key]
        assert (choice.value, choice.origin, choice.reason[:4]) == (pytest.approx(value), "auto", "QAT:")
    assert not (run / "optimize/qat/checkpoints").exists()
    assert Engine(work_dir=run).test(result.model, split="val").metrics


def test_what_the_user_says_about_training_on_stands(run: Path) -> None:
    given = {"training.max_epochs": 1, "training.optimizer.lr": 5e-4}
    result = engine(run, settings=given).optimize(method="qat", max_drop=1.0)
    assert result.parity["detail"] == "epoch 1 of 1 at a learning rate of 5.0e-04"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_training_on_that_was_stopped_promises_no_resume(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    class Stop(Callback):
        def on_train_batch_start(self, trainer: Any, *rest: Any) -> None:
            if trainer.current_epoch == 1:
                os.kill(os.getpid(), number)

    int8 = dict.fromkeys(("model.xml", "model.bin", "parity.json"), b"of an earlier call")
    (run / "optimize").mkdir(exist_ok=True)
    for name, content in int8.items():
        (run / "optimize" / name).write_bytes(content)
    # Tests that run in the background inherit that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(logging.getLogger("otx"), "handlers", [])  # the command's own must not outlive this test
    with monkeypatch.context() as patch:
        patch.setattr("otx.engine.qat.fit", partial(fit, callbacks=[Stop()]))
        named = ["--model", f"{run.parent}/small.py:Small"]
        with pytest.raises(SystemExit) as stop:
            main(["optimize", "--work_dir", str(run), "--method", "qat", "--max_drop", "1", *named])
    assert stop.value.code == 130
    text = " ".join(capfd.readouterr().err.split())
    assert "stopped with 1 of 3 epochs of quantisation-aware training, which begins anew with the same command" in text
    assert "resume" not in text + (run / "optimize/qat/train.log").read_text()
    assert not (run / "optimize/qat/checkpoints").exists()
    assert {name: (run / "optimize" / name).read_bytes() for name in int8} == int8
    settings = {"training.max_epochs": 1}
    assert "of 1 at" in engine(run, settings=settings).optimize(method="qat", max_drop=1.0).parity["detail"]


def test_only_what_learns_can_be_trained_on(run: Path) -> None:
    with pytest.raises(UserError, match=r"export/model\.xml is an exported model.*Name the checkpoint"):
        Engine(work_dir=run).optimize(run / "export/model.xml", method="qat")
    opened = open_model(run / "checkpoints/best.safetensors", engine(run).given)
    opened.model.requires_grad_(False)
    with pytest.raises(UserError, match="is fitted without training"):
        require_trainable(opened)


def test_a_drop_beyond_what_is_allowed_exits_with_1(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("otx.engine.optimize.RUNGS", {"ptq": {"weights only": LADDER["weights only"]}})
    monkeypatch.setattr(logging.getLogger("otx"), "handlers", [])  # the command's own must not outlive this test
    with pytest.raises(SystemExit) as stop:
        main(["optimize", "--checkpoint", str(run / "export/model.xml"), "--max_drop", "-2"])
    assert stop.value.code == 1
    assert "(weights only) does not predict like the checkpoint on 9 validation images" in capsys.readouterr().err
    assert (run / "optimize/model.failed-parity.xml").is_file()
    assert not (run / "optimize/model.xml").exists()
    assert not json.loads((run / "optimize/parity.json").read_text())["passed"]


def test_too_few_images_are_refused_with_the_number_needed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.engine.optimize.FEWEST_CALIBRATION_IMAGES", 25)
    with pytest.raises(UserError, match=r"needs at least 25 training images to calibrate on, found 20"):
        engine(run).optimize()


def test_models_that_cannot_be_quantised_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(next(iter(catalog())), quantizable=False)
    monkeypatch.setattr("otx.engine.optimize.catalog", lambda: SimpleNamespace(find=lambda task: [row]))
    with pytest.raises(UserError, match=f"{row.name} cannot be quantised"):
        _require_quantizable(SimpleNamespace(path=Path("model.xml"), spec=task_spec(row.task), name=row.name))
    with pytest.raises(UserError, match="expected a checkpoint"):
        _require_quantizable(SimpleNamespace(path=Path("model.onnx")))


@pytest.mark.parametrize("name", ["model.xml", "model.failed-parity.xml", "model.unproven.xml"])
def test_what_it_wrote_is_not_quantised_again(run: Path, name: str) -> None:
    (run / "optimize").mkdir(exist_ok=True)
    (run / "optimize" / name).write_text("kept")
    with pytest.raises(UserError, match=rf"optimize/{name} is what optimize writes"):
        Engine().optimize(run / "optimize" / name)
    assert (run / "optimize" / name).read_text() == "kept"


@pytest.mark.slow
def test_the_benchmark_has_every_form_in_one_table(run: Path) -> None:
    engine(run).optimize(max_drop=1.0)
    result = engine(run).benchmark(seconds=0.02)
    rows = {row["name"]: row for row in result.rows}
    assert list(rows) == [
        "torch FP32", "torch BF16", "OpenVINO FP32", "OpenVINO FP16", "OpenVINO INT8", "ONNX Runtime",
    ]  # fmt: skip
    assert [row["note"] for row in result.rows] == [""] * len(rows)
    for row in result.rows:
        assert (
            min(row[key] for key in ("latency_ms", "images_per_second", "cpu_ms", "memory_mb", "size_mb", "speed_up"))
            > 0
        )
    assert rows["OpenVINO FP32"]["drop_relative"] == rows["ONNX Runtime"]["drop_relative"] == 0
    assert rows["OpenVINO FP32"]["speed_up"] == 1
    assert rows["OpenVINO FP32"]["memory_mb"] < rows["torch FP32"]["memory_mb"] / 2  # its process has no torch in it
    assert json.loads((run / "benchmark/benchmark.json").read_text()) == result.to_json()


def test_batches_where_a_form_takes_them(run: Path) -> None:
    (row,) = engine(run).benchmark(run / "export/model.xml", seconds=0.02, batch_size=3).rows
    assert (row["batch_size"], row["note"]) == (3, "")
    fixed = ov.Core().read_model(run / "export/model.xml")
    fixed.reshape([1, 32, 32, 3])
    (run / "fixed").mkdir()
    ov.save_model(fixed, run / "fixed/model.xml")
    (row,) = engine(run).benchmark(run / "fixed/model.xml", seconds=0.02, batch_size=3).rows
    assert (row["batch_size"], row["note"]) == (1, "takes one image at a time, no batch of 3")
    with pytest.raises(UserError, match="--batch_size: expected a number of images from 1 on, found 0"):
        engine(run).benchmark(batch_size=0)


def test_a_form_that_fails_leaves_the_others(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "otx.engine.benchmark.run_apart", lambda job, seconds: run_apart(replace(job, device="NONE"), seconds)
    )
    result = Engine(work_dir=run).benchmark(run / "export/model.xml", seconds=0.02)
    (row,) = result.rows
    assert row["name"] == "OpenVINO model.xml"
    assert "NONE" in row["note"]
    assert "latency_ms" not in row
