"""The demonstration set has an outline for every digit, and a model learns from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from otx.core.masks import boxes_of, from_polygons
from otx.data.digit_scenes import SIDE
from otx.engine import Engine
from otx.tasks.instance_segmentation.demo import write_demo


def test_outlines_fill_their_boxes(tmp_path: Path) -> None:
    write_demo(tmp_path)
    content = json.loads((tmp_path / "annotations" / "instances_val.json").read_text())
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        rle = from_polygons(annotation["segmentation"], (SIDE, SIDE))
        np.testing.assert_allclose(boxes_of([rle])[0], [x, y, x + width, y + height], atol=2)
        assert 0.15 < annotation["area"] / (width * height) < 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.framework("torchvision")
def test_a_model_learns_and_the_exported_one_is_the_same(tmp_path: Path) -> None:
    write_demo(tmp_path / "data")
    engine = Engine(
        tmp_path / "data", task="INSTANCE_SEGMENTATION", work_dir=tmp_path / "run",
        config="demo/instance_segmentation", pretrained=False, device="cpu",
    )  # fmt: skip
    engine.train()
    tested = engine.test().metrics
    assert tested["map_50"] > 0.3  # chance is below 0.01
    exported = engine.test(engine.export().model).metrics
    assert exported["map"] == pytest.approx(tested["map"], abs=0.002)
