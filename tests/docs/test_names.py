"""What a page names exists: files, folders, links, and names in modules."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from tests.docs.blocks import DOCS, ROOT

FRAMEWORKS = {"augmentation.md": ("mmdet", "mmpretrain", "mmseg"), "map.md": ("timm",)}
"""Page -> those that it takes names from."""
PAGES = [
    pytest.param(page, id=page.name, marks=pytest.mark.framework(*FRAMEWORKS.get(page.name, ())))
    for page in (*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
]
REFERENCE = re.compile(r"`(otx(?:\.\w+)*):([\w.]+)`")
PLACE = re.compile(r"`((?:src|tests|docs|scripts|benchmarks)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


@pytest.mark.parametrize("page", PAGES)
def test_names_and_places_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [f"{module}:{name}" for module, name in REFERENCE.findall(text) if not exists(module, name)]
    missing += [place for place in PLACE.findall(text) if not (ROOT / place).exists()]
    missing += [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert not missing, f"{page.name} names what is not there: {missing}"


def exists(module: str, name: str) -> bool:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    for part in name.split("."):
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def test_a_wrong_name_is_noticed() -> None:
    assert exists("otx.core.model", "OTXModel.forward")
    assert not exists("otx.core.model", "OTXModel.backward")
    assert not exists("otx.core.modell", "OTXModel")


def test_the_map_leads_all_the_way() -> None:
    named = {module.split(".")[1] for module, _ in REFERENCE.findall((DOCS / "map.md").read_text())}
    rooms = {path.name for path in (ROOT / "src" / "otx").iterdir() if (path / "__init__.py").exists()}
    passed_by = rooms - named - {"testing"}
    assert not passed_by, f"docs/map.md leads through no file of {passed_by}"
