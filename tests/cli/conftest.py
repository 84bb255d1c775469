"""A data set to run commands on, and the command line as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from otx.cli.main import main

Run = Callable[..., int]


@pytest.fixture
def otx() -> Run:
    """Runs a command in this process and gives its exit status."""

    def run(*words: str | Path) -> int:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        return int(stop.value.code or 0)

    return run


@pytest.fixture
def cats_and_dogs(tmp_path: Path) -> Path:
    """An ImageNet-like folder: 6 training and 2 validation images of each class; no test images."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    for subset, count in (("train", 6), ("val", 2)):
        for label in ("cat", "dog"):
            folder = root / subset / label
            folder.mkdir(parents=True)
            for index in range(count):
                Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return root
