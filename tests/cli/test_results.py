"""What the verbs print about the Engine's results: JSON alone on stdout, or lines that end with the next command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otx.engine import Engine
from otx.engine.results import (
    BenchmarkResult,
    CompareResult,
    ExplainResult,
    ExportResult,
    OptimizeResult,
    PredictResult,
    TestResult,
    TrainResult,
    TuneResult,
)

Run = Callable[..., int]

RUN = Path("otx-workspace/run")
PARITY = {
    "metric": "map", "reference": 0.5, "exported": 0.499, "drop_relative": 0.002, "max_drop": 0.01,
    "max_abs_diff": 1e-5, "images": 12, "passed": True, "reasons": [],
}  # fmt: skip
RESULTS: dict[str, Any] = {
    "train": TrainResult(
        work_dir=RUN,
        task="DETECTION",
        model="timm/net",
        checkpoint=RUN / "checkpoints/best.safetensors",
        last=RUN / "checkpoints/last.safetensors",
        monitor="map_50",
        metrics={"map": 0.4, "map_50": 0.81},
        epochs=7,
        stopped_early=True,
        seconds=200.4,
    ),
    "test": TestResult(
        work_dir=RUN,
        split="test",
        metrics={"map": 0.4},
        intervals={"map": [0.31, 0.52]},
        per_class={"cat": {"ap": 0.5}, "dog": {"ap": 0.3}},
        checkpoint=RUN / "checkpoints/best.safetensors",
        images=12,
        seconds=3.0,
    ),
    "compare": CompareResult(
        first=Path("a"),
        second=Path("b"),
        split="test",
        images=12,
        rows=[
            {
                "metric": "map",
                "first": 0.4,
                "second": 0.5,
                "difference": 0.1,
                "interval": [0.02, 0.2],
                "significant": True,
            },
            {"metric": "pro", "first": 0.5, "second": 0.5, "difference": 0.0, "interval": None, "significant": None},
        ],
    ),
    "predict": PredictResult(
        work_dir=RUN,
        predictions=RUN / "predict/predictions.json",
        pictures=RUN / "predict",
        checkpoint=RUN / "export/model.xml",
        threshold=0.25,
        images=12,
        skipped=["broken [1].jpg"],
        seconds=2.0,
    ),
    "explain": ExplainResult(
        work_dir=RUN,
        scores=RUN / "explain/scores.json",
        pictures=RUN / "explain",
        checkpoint=RUN / "checkpoints/best.safetensors",
        images=3,
        maps=5,
        evidence=4,
        skipped=["broken.jpg"],
        seconds=5.0,
    ),
    "export": ExportResult(
        work_dir=RUN,
        model=RUN / "export/model.xml",
        checkpoint=RUN / "checkpoints/best.safetensors",
        format="openvino",
        precision="fp32",
        parity=PARITY,
        bundle=RUN / "export/bundle.zip",
    ),
    "optimize": OptimizeResult(
        work_dir=RUN,
        model=RUN / "optimize/model.xml",
        checkpoint=RUN / "checkpoints/best.safetensors",
        rung="INT8 model (default preset)",
        calibration_images=300,
        parity=PARITY
        | {"comparisons": [PARITY | {"name": "FP32 model"}, PARITY | {"name": "INT8 model (default preset)"}]},
    ),
    "tune": TuneResult(
        work_dir=RUN,
        monitor="map",
        default={"value": 0.4, "held_out": 0.38, "values": {"training.optimizer.lr": 0.001}},
        best={"value": 0.47, "held_out": 0.45, "values": {"training.optimizer.lr": 0.0023}},
        wins=True,
        recipe=RUN / "tuned.yaml",
        trials=[{"number": 0, "state": "complete", "value": 0.4}, {"number": 1, "state": "complete", "value": 0.47}],
        plots=[],
        seconds=75.0,
    ),
}
ROW = {"name": "OpenVINO INT8", "device": "CPU", "latency_ms": 1.0, "images_per_second": 1234.5, "note": ""}
RESULTS["benchmark"] = BenchmarkResult(
    work_dir=RUN,
    checkpoint=RUN / "checkpoints/best.safetensors",
    metric="map",
    split="test",
    images=12,
    load=3.0,
    cores=2,
    rows=[ROW, {"name": "ONNX Runtime", "device": "CPU", "note": "no such operator"}],
)
WORDS = {
    "compare": ["a", "b"],
    "predict": ["--input", "pictures"],
    "explain": ["--input", "pictures"],
    "tune": ["--budget", "1h", "--data_root", "my data"],
}
EXPECTED = {
    "train": ["timm/net (DETECTION) trained: 7 epochs, stopped early, 3 min 20 s", "0.8100", "best.safetensors"],
    "test": ["best.safetensors on test: 12 images", "0.4000", "0.3100 to 0.5200", "dog", "test/metrics.json"],
    "compare": ["12 images of test: b against a", "+0.1000", "0.0200 to 0.2000", "yes", "significant  map"],
    "predict": ["6.0 images/s", "not readable: broken [1].jpg", "predict/predictions.json", "scores from 0.25"],
    "explain": ["3 images, 5.0 s", "4 of 5 maps explain more", "not readable: broken.jpg", "explain/scores.json"],
    "export": [
        "exported to openvino, fp32",
        "on validation images",
        "0.20%",
        "export/parity.json",
        "bundle otx-workspace/run/export/bundle.zip",
    ],
    "tune": ["2 trials in 1 min 15 s, by map", "0.0023", "0.4500", "beats the recipe on held-out data"],
    "optimize": [
        "quantised on 300 training images",
        "on validation images",
        "INT8 model (default preset): map",
        "others may lose more. What the test images say",
        "otx test --checkpoint otx-workspace/run/optimize/model.xml",
        "optimize/parity.json",
    ],
    "benchmark": ["12 images of test", "1234.5", "ONNX Runtime on CPU: no such operator", "other work was running"],
}
NEXT = {
    "tune": "otx train --data_root 'my data' --config otx-workspace/run/tuned.yaml",
    "explain": "otx export",
    "train": "otx test",
    "test": "otx export",
    "export": "otx optimize",
    "optimize": "otx benchmark",
    "benchmark": "otx optimize",
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands in for the Engine's verbs, which chatter on stdout like the libraries that they use."""
    seen: dict[str, Any] = {}

    def fake(verb: str) -> Callable[..., Any]:
        def work(engine: Engine, *args: Any, **named: Any) -> Any:
            print("chatter of Python")
            os.system("echo chatter of a process")
            seen.update(engine=engine, args=args, named=named)
            return RESULTS[verb]

        return work

    for verb in RESULTS:
        monkeypatch.setattr(Engine, verb, fake(verb))
    return seen


@pytest.mark.parametrize("verb", RESULTS)
def test_json_is_all_that_is_on_stdout(
    verb: str, otx: Run, calls: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx(verb, *WORDS.get(verb, []), "--json") == 0
    out, err = capfd.readouterr()
    assert json.loads(out) == RESULTS[verb].to_json()
    assert err.splitlines() == ["chatter of Python", "chatter of a process"]


@pytest.mark.parametrize("verb", RESULTS)
def test_people_read_where_it_is_and_what_comes_next(
    verb: str, otx: Run, calls: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx(verb, *WORDS.get(verb, [])) == 0
    text = capfd.readouterr().out
    assert [part for part in EXPECTED[verb] if part not in text] == []
    if verb in NEXT:
        assert NEXT[verb] in text.splitlines()[-1]


def test_the_next_command_names_the_same_work_dir(
    otx: Run, calls: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx("train", "--work_dir", "my run") == 0
    assert "otx test --work_dir 'my run'" in capfd.readouterr().out
    assert calls["engine"].given.work_dir == Path("my run")


@pytest.mark.parametrize("verb", ["test", "export", "optimize", "benchmark"])
def test_the_next_command_names_the_file_of_code_again(
    verb: str, otx: Run, calls: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx(verb, "--model", "my nets.py:Net") == 0
    assert capfd.readouterr().out.endswith("--model 'my nets.py:Net'\n")
    assert calls["engine"].given.settings == {"model.name": "my nets.py:Net"}


def test_labels_and_paths_are_printed_as_they_are(
    otx: Run, calls: dict[str, Any], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, per_class = Path("runs/exp[a] b/model.xml"), {"[dog]": {"ap": 0.5}, "n/a [/x]": {"ap": 0.5}, ":cat:": {}}
    monkeypatch.setitem(RESULTS, "test", replace(RESULTS["test"], checkpoint=file, per_class=per_class))
    assert otx("test") == 0
    text = capfd.readouterr().out
    assert all(f"\n{label} " in text for label in per_class)
    assert f"\n{file} on test" in text
    assert text.endswith(f"--checkpoint '{file}'\n")


def test_train_hands_every_option_to_the_engine(otx: Run, calls: dict[str, Any]) -> None:
    words = (
        "--data_root data --task DETECTION --data_format coco --on_bad_data skip --model timm/x --pretrained false "
        "--max_epochs 3 --seed 7 --device cpu --precision 32 --tile true --time 15m --ram 4G --resume "
        "--set data.batch_size=4 --set training.patience=0"
    )
    assert otx("train", *words.split()) == 0
    assert calls["named"] == {"max_epochs": 3, "precision": "32", "tile": True, "time": 900, "ram": 4.0, "resume": True}
    plan = calls["engine"].given.plan()
    given = {key: choice.value for key, choice in plan.choices.items() if choice.origin == "user"}
    assert given == {
        "data_root": str(Path("data").absolute()),
        "task": "DETECTION",
        "data_format": "coco",
        "on_bad_data": "skip",
        "model.name": "timm/x",
        "model.pretrained": False,
        "seed": 7,
        "device": "cpu",
        "data.batch_size": 4,
        "training.patience": 0,
    }


def test_the_other_verbs_hand_over_theirs(otx: Run, calls: dict[str, Any]) -> None:
    assert otx("test", "--checkpoint", "m.xml", "--split", "val", "--data_root", "other") == 0
    assert (calls["args"], calls["named"]) == ((Path("m.xml"),), {"split": "val"})
    assert calls["engine"].given.plan()["data_root"] == str(Path("other").absolute())
    words = ["--input", "a", "--checkpoint", "m.xml", "--threshold", "0.4", "--coco", "t.json", "--no_pictures"]
    assert otx("predict", *words) == 0
    assert calls["args"] == ("a", Path("m.xml"))
    assert calls["named"] == {"threshold": 0.4, "coco": Path("t.json"), "pictures": False}
    assert otx("explain", "--input", "a/*.png", "--checkpoint", "m.xml", "--on_bad_data", "skip") == 0
    assert calls["engine"].given.settings == {"on_bad_data": "skip"}
    assert (calls["args"], calls["named"]) == (("a/*.png", Path("m.xml")), {})
    assert otx("test", "--checkpoint", "null", "--work_dir", "null") == 0
    assert (calls["args"], calls["engine"].given.work_dir) == ((Path("null"),), Path("null"))
    assert otx("export", "--format", "onnx", "--precision", "fp16", "--max_drop", "0.02", "--bundle") == 0
    assert calls["named"] == {"format": "onnx", "precision": "fp16", "max_drop": 0.02, "bundle": True}
    assert otx("optimize", "--checkpoint", "m.xml", "--method", "accuracy", "--max_drop", "0.02") == 0
    assert (calls["args"], calls["named"]) == ((Path("m.xml"),), {"method": "accuracy", "max_drop": 0.02})


@pytest.mark.framework("transformers")
def test_find_lists_the_catalog(otx: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert otx("find", "--task", "detection", "--pattern", "DFINE", "--json") == 0
    rows = json.loads(capfd.readouterr().out)
    assert {row["task"] for row in rows} == {"DETECTION"}
    assert all("dfine" in row["name"] for row in rows)
    assert set(rows[0]) == {
        "name", "task", "parameters", "input_size", "licence", "exportable", "quantizable", "explainable", "tileable",
    }  # fmt: skip
    assert otx("find", "--pattern", "nothing like it") == 0
    assert "No model matches" in capfd.readouterr().out


def test_find_cuts_no_name_on_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from otx.cli.find import run
    from otx.frameworks import catalog

    run().show(Console(width=80, soft_wrap=True))
    lines = capsys.readouterr().out.splitlines()
    shown = {line.split()[0] for line in lines if line.strip()}
    assert {row.name for row in catalog()} <= shown
    assert all(len(line.rstrip()) <= 80 for line in lines[:-2])


ASKED_FOR = {"ANOMALY_CLASSIFICATION", "ANOMALY_DETECTION", "VISUAL_PROMPTING"}
"""Tasks that share their data with another one, which is taken where none is named."""


def test_demo_data_of_every_task_can_be_checked(
    otx: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from otx.tasks import task_specs

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("otx.data.digit_scenes.IMAGES", {"train": 6, "val": 3, "test": 3})
    for task in task_specs():
        assert otx("demo", "--task", task, "--only_data", task.lower()) == 0
        capfd.readouterr()
        asked = ["--task", task] if task in ASKED_FOR else []
        assert otx("check", "--data_root", task.lower(), "--json", *asked) == 0
        assert json.loads(capfd.readouterr().out)["task"] == task


def test_results_go_to_stdout_plain_and_unbroken_where_nobody_looks(cats_and_dogs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "otx", "check", "--data_root", str(cats_and_dogs)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "40"},
    )
    assert "\x1b" not in done.stdout
    assert "task     MULTI_CLASS_CLS: one label for each of 16 images" in done.stdout
    assert done.stderr == ""
