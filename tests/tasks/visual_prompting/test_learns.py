"""The demonstration, from random weights to an exported model that answers the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from otx.engine.demo import demo


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.framework("transformers")
def test_the_demonstration_learns_and_the_exported_model_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo("VISUAL_PROMPTING", tmp_path / "run")
    assert result.metrics["miou_box"] > 0.65  # who answers a box by all that is in it has 0.635
    assert result.metrics["miou_point"] > 0.7
    for name, value in result.metrics.items():
        assert result.metrics_exported[name] == pytest.approx(value, abs=0.002)
    assert result.parity["passed"]
