"""README and CONTRIBUTING say what is there: commands, options, targets, extras, rooms; the Python example runs."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
from tests.docs.blocks import DOCS, ROOT, blocks

from otx.cli.options import with_json
from otx.cli.parser import parse

README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.timeout(600)  # twenty seconds of computing, but on a machine that is shared
@pytest.mark.framework("torchvision")
def test_the_python_example_runs(desk: Path) -> None:
    (block,) = (block for block in blocks(README) if block.language == "python")
    shutil.copytree(desk / "my_data" / "images" / "test", desk / "pictures")
    tiny = {"data.workers": 0, "training.max_epochs": 1, "model.input_size": [64, 64]}
    call = 'Engine(data_root="my_data"'
    assert call in block.text
    # Offline and small: nothing else about the example is changed.
    text = block.text.replace(call, f"{call}, pretrained=False, settings={tiny}")
    exec(compile(text, "README.md", "exec"), {})
    latest = desk / "otx-workspace" / "latest"
    assert (latest / "export" / "model.xml").is_file()
    assert (latest / "predict" / "predictions.json").is_file()


@pytest.mark.parametrize("page", [README, CONTRIBUTING, *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_commands_are_known(page: Path) -> None:
    for line in re.findall(r"^otx (?!\.\.\.)(.*)$", page.read_text(), re.MULTILINE):
        verb, *words = shlex.split(line, comments=True)
        parse(with_json(importlib.import_module(f"otx.cli.{verb}").run), words)


@pytest.mark.parametrize("page", [README, CONTRIBUTING, *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_targets_are_those_of_the_makefile(page: Path) -> None:
    there = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= there


def test_extras_are_those_of_the_project() -> None:
    table = README.read_text().split("| extra | brings |")[1].split("\n\n")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`([\w-]+)`", row.split("|")[1] if row else "")}
    assert named == set(PROJECT["project"]["optional-dependencies"])


def test_rooms_are_those_of_the_contract() -> None:
    (rooms,) = (c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["id"] == "rooms")
    contract = [set(re.findall(r"\w+", layer)) for layer in rooms["layers"]]
    (listed,) = re.findall(r"^```\n(cli .*?)^```", CONTRIBUTING.read_text(), re.MULTILINE | re.DOTALL)
    page = [set(re.findall(r"\w+", line.split("  ")[0])) for line in listed.splitlines()]
    assert page == [layer for layer in contract if layer != {"__main__"}]
