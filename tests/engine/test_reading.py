"""A data set for a model that exists already must fit it, and is read no larger than the model sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.engine import Engine
from otx.engine.reading import make_datamodule, read_data
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


@pytest.mark.parametrize(
    ("task", "learnt", "tested"),
    [("MULTI_CLASS_CLS", (240, 320), (120, 160)), ("DETECTION", (480, 640), (480, 640))],
)
def test_photographs_are_decoded_smaller_where_places_do_not_matter(tmp_path, task, learnt, tested) -> None:
    for name in ("cat/0", "cat/1", "cat/2", "dog/3", "dog/4", "dog/5"):
        path = tmp_path / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((480, 640, 3), 90, np.uint8)).save(path)
        if task == "DETECTION":
            path.with_suffix(".txt").write_text("0 0.5 0.5 0.3 0.3")
    plan = Engine(tmp_path, task=task).given.plan()
    data = make_datamodule(plan, read_data(plan), InputSpec(height=96, width=96))
    assert data.dataset("train", train=True).raw(0).image.shape[-2:] == learnt
    sample = data.dataset("test", train=False).raw(0)
    assert sample.image.shape[-2:] == tested
    assert (sample.img_info.height, sample.img_info.width) == (480, 640)
