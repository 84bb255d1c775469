"""The demonstration set: deterministic, with every digit in every subset."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image

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
