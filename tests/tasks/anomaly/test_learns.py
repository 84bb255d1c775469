"""The demonstration, from random features to an exported model that predicts the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from otx.engine.demo import demo


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("task", ["ANOMALY_CLASSIFICATION", "ANOMALY_SEGMENTATION", "ANOMALY_DETECTION"])
@pytest.mark.framework("anomalib")
def test_the_demonstration_learns_and_the_exported_model_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo(task, tmp_path / "run")
    floors = {"image_auroc": 0.9, "pixel_auroc": 0.9, "pro": 0.7}
    for name in floors.keys() & result.metrics.keys():
        assert result.metrics[name] > floors[name]
        assert result.metrics_exported[name] == pytest.approx(result.metrics[name], abs=0.002)
    assert result.parity["passed"]
    records = json.loads(result.predictions.read_text())
    right = [("good" in record["image"]) == (record["labels"][0]["label"] == "Normal") for record in records]
    assert np.mean(right) > 0.85
    assert all(Image.open(record["anomaly_map"]).size == (96, 96) for record in records)
    assert all(("objects" in record) == (task == "ANOMALY_DETECTION") for record in records)
