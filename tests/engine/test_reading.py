"""A data set for a model that exists already must fit it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otx.core.errors import UserError
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.engine import Engine
from otx.engine.reading import read_data
from otx.tasks.keypoint_detection.demo import write_demo


def test_keypoints_must_be_those_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.data.digit_scenes.IMAGES", {"train": 4, "val": 2, "test": 2})
    write_demo(tmp_path)
    plan = Engine(tmp_path).given.plan()
    same = LabelInfo(("digit", "letter"), keypoints=Skeleton(("top", "bottom", "left", "right")))
    assert read_data(plan, labels=same).spec.task == "KEYPOINT_DETECTION"
    other = LabelInfo(("digit",), keypoints=Skeleton(("bottom", "top", "left", "right")))
    with pytest.raises(UserError, match="expected bottom, top, left, right, found top, bottom, left, right"):
        read_data(plan, labels=other)
