"""What the pages say about the files of a run, held against a run."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openvino as ov
import pytest
from tests.docs.blocks import DOCS, write_files
from tests.generated import pictures, write_coco

from otx.core.label_info import LabelInfo
from otx.engine import Engine

pytestmark = pytest.mark.timeout(900)  # half a minute of computing, but on a machine that is shared
ScriptAt = Callable[[Path], dict[str, Any]]
NOT_RUN = {"explain", "optimize", "benchmark"}
"""Folders of verbs that have tests of their own."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a detector that was trained, tested, exported and used; `my_data` is its data set."""
    folder = tmp_path_factory.mktemp("run-pages")
    written = write_coco(folder / "my_data", pictures({"train": 24, "val": 8}))
    write_files(DOCS / "add-a-model.md", folder)
    engine = Engine(
        folder / "my_data",
        model=f"{folder / 'my_detector.py'}:MyDetector",
        work_dir=folder / "run",
        settings={
            "data.workers": 0,
            "data.batch_size": 8,
            "training.patience": 0,
            "training.ema_decay": 0.0,
            "training.channels_last": False,
        },
    )
    engine.train(max_epochs=12, precision="32")
    engine.test()
    engine.export(format="onnx")
    exported = engine.export(bundle=True)
    truth = folder / "my_data" / "annotations" / "instances_val.json"
    engine.predict(folder / "my_data" / "images" / "val", exported.model, coco=truth)
    for file in ("model.xml", "model.bin"):
        shutil.copy(folder / "run" / "export" / file, folder / file)
    shutil.copy(written.images["val_001"], folder / "photo.jpg")
    return folder


@pytest.fixture
def at_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(run)
    return run


def test_the_work_dir_is_laid_out_as_the_page_says(run: Path) -> None:
    (block,) = re.findall(r"^```\n(plan.yaml.*?)^```", (DOCS / "work-dir.md").read_text(), re.MULTILINE | re.DOTALL)
    listed = [line.split("  ")[0] for line in block.splitlines()]
    patterns = [place for entry in listed for place in places(entry)]
    there = {str(path.relative_to(run / "run")) for path in (run / "run").rglob("*") if path.is_file()}
    absent = [one for one in patterns if one.partition("/")[0] not in NOT_RUN and not fnmatch.filter(there, one)]
    assert not absent, f"the page lists what no run writes: {absent}"
    unlisted = [one for one in there if not any(fnmatch.fnmatch(one, pattern) for pattern in patterns)]
    assert not unlisted, f"the page leaves out: {unlisted}"


def places(entry: str) -> list[str]:
    """`a/x.xml, x.bin` -> both below `a`; a folder stands for what is in it."""
    first, *others = entry.split(", ")
    folder = first.rpartition("/")[0]
    paths = [first, *(f"{folder}/{other}" if folder else other for other in others)]
    return [f"{path}*" if path.endswith("/") else path for path in paths]


def test_predictions_have_the_keys_of_the_page(at_run: Path, script_at: ScriptAt) -> None:
    text = (DOCS / "predictions.md").read_text()
    records = json.loads((at_run / "run" / "predict" / "predictions.json").read_text())
    example = json.loads(re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0])
    assert {tuple(record) for record in records} == {tuple(record) for record in example}
    objects = [entry for record in records for entry in record["objects"]]
    assert objects
    assert {tuple(entry) for entry in objects} == {tuple(entry) for entry in example[0]["objects"]}
    write_files(DOCS / "predictions.md", at_run)
    assert sum(script_at(at_run / "count_objects.py")["found"].values()) == len(objects)


def test_the_metadata_is_that_of_the_page(run: Path) -> None:
    text = (DOCS / "exported-model.md").read_text()
    model = ov.Core().read_model(run / "model.xml")
    own = set(model.get_rt_info(["otx"]).value)
    assert set(re.findall(r"^\| `(\w+)` \| ", text.split("## Metadata")[1].split("## With")[0], re.MULTILINE)) == own
    sentence = text.split("Section `model_info`")[1].split("Blanks")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(model.get_rt_info(["model_info"]).value)
    assert str(model.input("image").partial_shape) == "[?,96,128,3]"
    assert model.input("image").element_type == ov.Type.u8
    assert {port.any_name: port.element_type for port in model.outputs} == {"boxes": ov.Type.f32, "labels": ov.Type.i64}


def test_three_ways_to_run_the_ir_agree(at_run: Path, script_at: ScriptAt) -> None:
    write_files(DOCS / "exported-model.md", at_run)
    plain = script_at(at_run / "plain_openvino.py")["found"]
    by_otx = script_at(at_run / "with_otx.py")["found"][0]["objects"]
    assert by_otx
    assert sorted(label for label, _, _ in plain) == sorted(entry["label"] for entry in by_otx)
    for (_, score, box), entry in zip(plain, by_otx, strict=True):
        assert score == pytest.approx(entry["score"], abs=0.02)
        assert box == pytest.approx(entry["bbox"], abs=1.0)


def test_the_model_api_finds_the_same(at_run: Path, script_at: ScriptAt) -> None:
    pytest.importorskip("model_api")
    write_files(DOCS / "exported-model.md", at_run)
    found = script_at(at_run / "with_model_api.py")["found"]
    by_otx = script_at(at_run / "with_otx.py")["found"][0]["objects"]
    threshold = json.loads(ov.Core().read_model("model.xml").get_rt_info(["otx", "score_threshold"]).value)
    resizing = 0.02
    """By how much the package resizes away from us: an object this near the threshold may be found by one alone."""
    sure = Counter(entry["label"] for entry in by_otx if entry["score"] >= threshold + resizing)
    assert sure
    assert Counter(label for label, score, _ in found if score >= threshold + resizing) <= Counter(
        entry["label"] for entry in by_otx
    )
    assert sure <= Counter(label for label, _, _ in found)


def test_labels_are_sorted_as_the_page_says(run: Path) -> None:
    meta = json.loads((run / "run" / "checkpoints" / "best.json").read_text())
    assert LabelInfo.from_dict(meta["labels"]).names == ("box", "Disc", "star")
