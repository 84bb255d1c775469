"""The demonstration set: its keypoints lie on the ends of the ink."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otx.tasks.keypoint_detection.demo import write_demo


def test_keypoints_lie_on_the_sides_of_their_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.data.digit_scenes.IMAGES", {"train": 20, "val": 2, "test": 2})
    write_demo(tmp_path)
    content = json.loads((tmp_path / "annotations" / "instances_train.json").read_text())
    (category,) = content["categories"]
    assert category["keypoints"] == ["top", "bottom", "left", "right"]
    assert len(content["annotations"]) > 20
    for annotation in content["annotations"]:
        x, y, width, height = annotation["bbox"]
        top, bottom, left, right = (annotation["keypoints"][start : start + 3] for start in (0, 3, 6, 9))
        assert all(x <= a <= x + width and y <= b <= y + height and v == 2 for a, b, v in (top, bottom, left, right))
        near = 0.25  # the box begins where the ink is faint
        assert max(top[1] - y, y + height - bottom[1]) <= near * height
        assert max(left[0] - x, x + width - right[0]) <= near * width + 1
        assert annotation["category_id"] == 1
