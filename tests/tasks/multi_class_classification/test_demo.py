"""The demonstration set: deterministic, with every digit in every subset, and it is learned."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from otx.engine.demo import demo
from otx.tasks.multi_class_classification.demo import write_demo


def test_folders_hold_digits_and_the_same_seed_gives_the_same_set(tmp_path: Path) -> None:
    def digest(folder: Path) -> str:
        return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.png")))).hexdigest()

    for name, seed in (("a", 0), ("same", 0), ("other", 1)):
        write_demo(tmp_path / name, seed)
    assert digest(tmp_path / "a") == digest(tmp_path / "same") != digest(tmp_path / "other")
    for subset, least in (("train", 80), ("val", 15), ("test", 30)):
        for digit in range(10):
            files = list((tmp_path / "a" / subset / str(digit)).iterdir())
            assert len(files) > least
            assert 32 <= Image.open(files[0]).width <= 48


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.framework("timm")
def test_the_demo_learns_and_its_ir_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo("MULTI_CLASS_CLS")
    assert result.metrics["accuracy"] > 0.8  # chance is 0.1
    assert result.metrics_exported == pytest.approx(result.metrics, abs=0.002)
    assert result.parity is not None
    assert result.parity["passed"]
