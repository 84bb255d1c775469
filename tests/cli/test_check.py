"""`otx check`: what people read, what programs read, and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from otx.engine import Engine

Run = Callable[..., int]


def test_people_read_format_task_counts_sizes_and_verdict(
    otx: Run, cats_and_dogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx("check", "--data_root", cats_and_dogs) == 0
    text = capfd.readouterr().out
    assert "format   imagenet: " in text
    assert "task     MULTI_CLASS_CLS: one label for each of 16 images" in text
    assert "width 30, height 20 pixels" in text
    assert "problems none" in text
    assert "verdict  can be trained on" in text
    assert f"next     otx train --data_root {cats_and_dogs}" in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["cat"][0] == rows["dog"][0]


def test_programs_read_the_documented_keys(otx: Run, cats_and_dogs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert otx("check", "--data_root", cats_and_dogs, "--json") == 0
    report = json.loads(capfd.readouterr().out)
    assert {"task", "format", "evidence", "subsets", "problems", "trainable"} <= report.keys()
    assert report["task"] == "MULTI_CLASS_CLS"
    assert report["trainable"] is True
    assert report["subsets"]["val"] == {"images": 4, "objects": 4, "per_class": {"cat": 2, "dog": 2}}
    assert report == Engine(cats_and_dogs).check().to_json()


def test_a_named_work_dir_gets_the_report(
    otx: Run, cats_and_dogs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx("check", "--data_root", cats_and_dogs, "--work_dir", tmp_path / "run", "--json") == 0
    report = json.loads(capfd.readouterr().out)
    assert json.loads((tmp_path / "run" / "data" / "report.json").read_text()) == report


def test_a_broken_image_is_named_and_refused_unless_skipped(
    otx: Run, cats_and_dogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (cats_and_dogs / "train" / "cat" / "3.png").write_bytes(b"not a picture")
    assert otx("check", "--data_root", cats_and_dogs) == 1
    text = capfd.readouterr().out
    assert "1 x broken image (cannot be used)" in text
    assert "train/cat/3.png" in text
    assert "verdict  cannot be trained on: 1 images or annotations cannot be used" in text
    assert otx("check", "--data_root", cats_and_dogs, "--on_bad_data", "skip") == 0


def test_data_for_no_task_is_reported_and_fails(
    otx: Run, cats_and_dogs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    images = [{"id": 1, "file_name": "train/cat/0.png", "width": 30, "height": 20}]
    coco = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (cats_and_dogs / "instances.json").write_text(json.dumps(coco))
    assert otx("check", "--data_root", cats_and_dogs, "--data_format", "coco", "--json") == 1
    report = json.loads(capfd.readouterr().out)
    assert (report["task"], report["format"], report["trainable"]) == (None, "coco", False)
    assert "no task fits" in report["reason"]
    assert otx("check", "--data_root", cats_and_dogs, "--data_format", "coco") == 1
    assert "cannot be trained on: no task fits" in capfd.readouterr().out


def test_a_task_that_does_not_exist_is_a_wrong_command(
    otx: Run, cats_and_dogs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert otx("check", "--data_root", cats_and_dogs, "--task", "CHESS") == 2
    assert "task 'CHESS'" in capfd.readouterr().err


def test_many_problems_and_classes_are_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    from otx.cli.check import _show
    from otx.cli.streams import console

    labels = [f"class{index}" for index in range(50)]
    places = [{"where": f"{index}.jpg", "message": "by 3 pixels"} for index in range(10)]
    report = {
        "task": "DETECTION",
        "why": ["coco: taken", "voc: found no .xml"],
        "evidence": {"items": 9, "videos": 0},
        "image_sizes": {name: {"min": 1, "median": 2, "max": 3} for name in ("width", "height")},
        "pixels": "3 channels of uint8",
        "split": "as in the data",
        "labels": labels,
        "subsets": {"train": {"images": 9, "objects": 50, "per_class": dict.fromkeys(labels, 1)}},
        "problems": [{"kind": "box clipped", "bad": False, "count": 10, "examples": places}],
        "trainable": True,
        "reason": "",
    }
    _show(report, Path("my data"), None, console())
    text = capsys.readouterr().out
    assert "class29" in text
    assert "class30" not in text
    assert "... 20 more classes" in text
    assert "10 x box clipped (mended or harmless)" in text
    assert "... 7 more" in text
    assert "otx train --data_root 'my data'" in text


def test_it_loads_no_torch(cats_and_dogs: Path) -> None:
    code = "import sys; from otx.engine import Engine; Engine(sys.argv[1]).check(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(cats_and_dogs)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
