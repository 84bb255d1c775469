"""The pages that scripts/build_docs.py writes are those of the present code."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import ModuleType

import pytest
from tests.docs.blocks import DOCS, ROOT


@pytest.fixture(scope="module")
def build_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "scripts" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.framework("anomalib", "mmdet", "mmpretrain", "mmseg", "smp", "timm", "torchvision", "transformers")
@pytest.mark.parametrize("name", ["models.md", "tasks.md"])
def test_the_page_is_up_to_date(build_docs: ModuleType, name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == build_docs.pages()[name], f"docs/{name} is stale: make docs"


def test_check_tells_stale_pages_and_writes_nothing(build_docs: ModuleType, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(build_docs, "DOCS", tmp_path)
    assert build_docs.main(check=True) == 1
    assert not list(tmp_path.iterdir())
    assert build_docs.main(check=False) == 0
    assert build_docs.main(check=True) == 0
    (tmp_path / "tasks.md").write_text("old")
    capsys.readouterr()
    assert build_docs.main(check=True) == 1
    assert capsys.readouterr().out == "docs/tasks.md is not up to date: make docs\n"


def test_writing_needs_no_torch() -> None:
    code = "import sys, build_docs; build_docs.pages(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", check=True)
