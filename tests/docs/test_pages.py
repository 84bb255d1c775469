"""The code and commands of the pages, written to files and run as a reader would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import openvino as ov
import pytest
import yaml
from tests.docs.blocks import DOCS, blocks, commands, write_files
from tests.docs.conftest import Script

from otx.core.task import OTXTaskType
from otx.engine import Engine
from otx.frameworks import catalog
from otx.tasks import task_spec

Otx = Callable[[list[str]], None]


def code_lines(text: str) -> int:
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())


@pytest.mark.timeout(600)  # twenty seconds of computing, but on a machine that is shared
def test_add_a_model(desk: Path, install: Callable[[], None], otx: Otx, script: Script) -> None:
    files = write_files(DOCS / "add-a-model.md", desk)
    install()
    for words in commands(DOCS / "add-a-model.md"):
        otx(words)
    assert (desk / "run" / "export" / "model.xml").is_file()
    assert json.loads((desk / "cls-run" / "checkpoints" / "best.json").read_text())["task"] == "MULTI_CLASS_CLS"
    script("train_my_detector.py")
    assert (desk / "by-object" / "export" / "model.xml").is_file()
    assert {"my_detector.py", "my_classifier.py", "my_models/catalog.py"} <= files.keys()
    assert code_lines(files["my_detector.py"].text) <= 40


def test_the_added_model_keeps_the_contract(desk: Path, install: Callable[[], None], script: Script) -> None:
    write_files(DOCS / "add-a-model.md", desk)
    install()
    row = catalog().get("my_models/cells", OTXTaskType.DETECTION)
    script("check_my_models.py")
    parameters = sum(p.numel() for p in script("my_detector.py")["CellNet"](3).parameters())
    assert row.parameters == parameters


@pytest.mark.timeout(600)
@pytest.mark.framework("mmdet", "torchvision")
def test_augmentation(desk: Path, otx: Otx) -> None:
    pytest.importorskip("mmdet", reason="pip install 'otx[mmdet]'")
    write_files(DOCS / "augmentation.md", desk)
    for words in commands(DOCS / "augmentation.md"):
        otx(words)
    plan = yaml.safe_load(next((desk / "otx-workspace").glob("*fcos*/plan.yaml")).read_text())
    assert plan["transforms.framework"]["value"] == "mmdet"


def test_add_a_task(desk: Path, install: Callable[[], None], otx: Otx, script: Script) -> None:
    write_files(DOCS / "add-a-task.md", desk)
    install()
    for words in commands(DOCS / "add-a-task.md"):
        otx(words)
    ran = script("train_presence.py")
    assert ran["tested"].metrics == pytest.approx(ran["tested_ir"].metrics, abs=0.002)
    assert set(ran["tested"].metrics) == set(task_spec("PRESENCE").metrics)
    records = json.loads(ran["predicted"].predictions.read_text())
    assert len(records) == 8
    assert len(list(ran["predicted"].pictures.glob("*.jpg"))) == 8
    # A task without an overlay for fine-tuning starts from weights as well.
    Engine("my_data", task="PRESENCE", pretrained=ran["tested"].checkpoint).configure()
    exported = ov.Core().read_model(ran["exported"].model)
    assert exported.get_rt_info(["model_info", "multilabel"]).value == "True"


def test_the_added_task_keeps_the_contract(desk: Path, install: Callable[[], None], script: Script) -> None:
    write_files(DOCS / "add-a-task.md", desk)
    install()
    script("check_presence.py")


def test_the_new_task_must_be_asked_for(desk: Path, install: Callable[[], None]) -> None:
    write_files(DOCS / "add-a-task.md", desk)
    install()
    assert Engine("my_data").check().task == "DETECTION"
    assert Engine("my_data", task="presence").check().task == "PRESENCE"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_block_of_code_is_a_file_that_is_run(page: Path) -> None:
    unnamed = [block.text for block in blocks(page) if block.language in ("python", "yaml", "toml") and not block.name]
    assert not unnamed
    broken = [block.name for block in blocks(page) if block.name.endswith(".py") and not compiles(block.text)]
    assert not broken


def compiles(text: str) -> bool:
    compile(text, "page", "exec")
    return True
