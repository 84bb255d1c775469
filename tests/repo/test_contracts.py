"""The contracts of pyproject.toml hold, and would notice a breach."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package with its contracts, to spoil."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(LINT), "--no-cache", *arguments]
    # The copy must win over the installed package.
    return subprocess.run(
        command, cwd=tree, env={"PYTHONPATH": str(tree / "src")}, capture_output=True, text=True, check=False
    )


def test_contracts_hold(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("rooms", "core/errors.py", "import otx.engine"),
        ("rooms", "training/__init__.py", "import otx.deploy"),
        ("rooms", "helpers/__init__.py", ""),
        ("knots", "core/errors.py", "import otx.core.catalog"),
        pytest.param(
            *("frameworks", "frameworks/timm/__init__.py", "import otx.frameworks.torchvision"),
            marks=pytest.mark.framework("timm", "torchvision"),
        ),
        ("tasks", "tasks/detection/__init__.py", "import otx.tasks.multi_class_classification"),
        ("torch-free", "cli/__init__.py", "def late():\n    import torch"),
        ("runtime", "runtime/__init__.py", "import lightning"),
        ("runtime", "core/errors.py", "import datumaro"),
        ("libraries", "data/__init__.py", "import timm"),
        pytest.param(
            *("libraries", "frameworks/timm/planted.py", "import transformers"),
            marks=pytest.mark.framework("timm", "transformers"),
        ),
    ],
)
def test_a_planted_breach_is_caught(tree: Path, contract: str, file: str, line: str) -> None:
    path = tree / "src" / "otx" / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as stream:
        stream.write(f"\n{line}\n")
    result = lint(tree, "--contract", contract)
    assert result.returncode == 1, result.stdout
    assert "Broken contracts" in result.stdout or "not listed" in result.stdout, result.stdout
