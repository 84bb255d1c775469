"""A folder to follow a page in: the current one, where modules and entry points are found; all is undone after."""

from __future__ import annotations

import runpy
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.generated import pictures, write_coco, write_image_folders

from otx.cli.main import main
from otx.frameworks import catalog
from otx.tasks import task_specs
from otx.training.speed import SpeedChoice

Script = Callable[[str], dict[str, Any]]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder; `my_data` has boxes, `my_folders` has one label per image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # Measuring takes longer than the training here, and has its own tests.
    plain = SpeedChoice(channels_last=False, precision="32", reason="not measured in this test", measured={})
    monkeypatch.setattr("otx.engine.measure.choose_speed", lambda *_, **__: plain)
    made = pictures({"train": 24, "val": 8, "test": 8})
    write_coco(tmp_path / "my_data", made)
    write_image_folders(tmp_path / "my_folders", made)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    task_specs.cache_clear()
    catalog.cache_clear()


@pytest.fixture
def install(desk: Path) -> Callable[[], None]:
    """Writes the entry points of pyproject.toml where Python looks for them, as `pip install -e .` does."""

    def write() -> None:
        project = tomllib.loads((desk / "pyproject.toml").read_text())["project"]
        info = desk / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
        groups = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
            for group, entries in project["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(groups))
        task_specs.cache_clear()
        catalog.cache_clear()

    return write


@pytest.fixture
def otx() -> Callable[[list[str]], None]:
    """Runs a command line in this process; it must succeed."""

    def run(words: list[str]) -> None:
        assert words[0] == "otx"
        with pytest.raises(SystemExit) as stop:
            main(words[1:])
        assert not stop.value.code, f"{' '.join(words)} exits with {stop.value.code}"

    return run


@pytest.fixture
def script(desk: Path) -> Script:
    """Runs a file of the folder as a script and gives its names."""
    return lambda name: runpy.run_path(str(desk / name), run_name="__main__")


@pytest.fixture
def script_at() -> Callable[[Path], dict[str, Any]]:
    """Runs any file as a script and gives its names."""
    return lambda path: runpy.run_path(str(path), run_name="__main__")
