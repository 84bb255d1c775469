"""What a reader may rely on when looking for something in the tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "otx").rglob("*.py"))
VAGUE = {"utils", "common", "tools", "helpers", "misc", "base", "backend"}
# In two halves, so that this file passes its own test.
REGISTRIES = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "download.py" + "torch.org",
    "registry.npm" + "js.org",
    "ana" + "conda.org",
    "ghc" + "r.io",
    "dock" + "er.io",
    "--index" + "-url",
    "--find" + "-links",
]


def test_names_say_what_is_inside() -> None:
    vague = [path for path in SOURCES if VAGUE & {*path.parent.relative_to(ROOT).parts, path.stem}]
    assert not vague, f"a name that fits anything: {vague}"


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long, f"over 400 lines: {long}"


def test_no_registry_is_named() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    named = [
        f"{name}: {host}"
        for name in filter(None, listed.stdout.split("\0"))
        if (path := ROOT / name).is_file()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]
    assert not named, f"which registry to use is the machine's choice: {named}"
