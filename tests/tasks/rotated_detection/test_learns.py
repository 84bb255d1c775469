"""The demonstration, from random weights to an exported model that predicts the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from otx.engine.demo import demo

pytestmark = pytest.mark.framework("torchvision")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demonstration_learns_and_the_exported_model_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo("ROTATED_DETECTION", tmp_path / "run")
    assert result.metrics["map_50"] > 0.2  # chance is below 0.01
    for name in ("map", "map_50"):
        assert result.metrics_exported[name] == pytest.approx(result.metrics[name], abs=0.002)
    assert result.parity["passed"]
