"""The same training with several seeds, with the trainings themselves replaced: they are tested elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from otx.core.errors import UserError
from otx.engine import Engine
from otx.engine.given import Given
from otx.engine.results import TrainResult


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Work dirs of the trainings; the second one is interrupted."""
    seen: list[Path] = []

    def train(given: Given, extra: Mapping[str, Any], *, resume: bool) -> TrainResult:
        assert given.work_dir is not None
        given.work_dir.mkdir(exist_ok=True)
        seen.append(given.work_dir)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return TrainResult(
            work_dir=given.work_dir, task="DETECTION", model="x/y", checkpoint=Path(), last=Path(), monitor="m",
            metrics={"m": 0.5}, epochs=1, stopped_early=False, seconds=1.0,
        )  # fmt: skip

    monkeypatch.setattr("otx.engine.repeat.train", train)
    monkeypatch.chdir(tmp_path)
    return seen


def test_what_was_interrupted_goes_on_in_its_folder(trained: list[Path]) -> None:
    with pytest.raises(KeyboardInterrupt):
        Engine().train_seeds(2)
    engine = Engine()
    result = engine.train_seeds(2, resume=True)
    assert {folder.parent for folder in trained} == {result.work_dir}
    assert Engine().train_seeds(2, resume=True).work_dir != result.work_dir, "it has come to its end"
    with pytest.raises(UserError, match=str(result.work_dir)):
        engine.test()
