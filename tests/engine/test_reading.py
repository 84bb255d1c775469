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
from otx.engine.reading import least_sides, make_datamodule, read_data
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


def photographs(folder: Path, task: str) -> Path:
    """Six of 480x640, with a box each where the task has boxes."""
    for name in ("cat/0", "cat/1", "cat/2", "dog/3", "dog/4", "dog/5"):
        path = folder / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.full((480, 640, 3), 90, np.uint8)).save(path)
        if task == "DETECTION":
            path.with_suffix(".txt").write_text("0 0.5 0.5 0.25 0.25")
    return folder


@pytest.mark.parametrize(("task", "tested"), [("MULTI_CLASS_CLS", (120, 160)), ("DETECTION", (480, 640))])
def test_photographs_are_decoded_smaller(tmp_path, task, tested) -> None:
    plan = Engine(photographs(tmp_path, task), task=task).given.plan()
    data = make_datamodule(plan, read_data(plan), InputSpec(height=96, width=96))
    learnt = data.dataset("train", train=True).raw(0)
    assert learnt.image.shape[-2:] == (240, 320)
    sample = data.dataset("test", train=False).raw(0)
    assert sample.image.shape[-2:] == tested
    for info in (learnt.img_info, sample.img_info):
        assert (info.height, info.width) == (480, 640)
    if task == "DETECTION":
        assert learnt.bboxes.tolist() == [[120, 90, 200, 150]]
        assert learnt.bboxes.canvas_size == (240, 320)
        assert sample.bboxes.tolist() == [[240, 180, 400, 300]]


@pytest.mark.parametrize("task", ["MULTI_CLASS_CLS", "DETECTION"])
@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        (InputSpec(height=96, width=96, tile=200), []),
        (InputSpec(height=96, width=96, object_margin=1.25), []),
        (InputSpec(height=96, width=96), [{"name": "RandomCrop", "size": [200, 200]}]),
    ],
)
def test_photographs_are_decoded_whole_where_pixels_are_counted(tmp_path, task, spec, steps) -> None:
    plan = Engine(photographs(tmp_path, task), task=task, settings={"transforms.train": steps}).given.plan()
    assert least_sides(plan, read_data(plan), spec)[0] == 0


@pytest.mark.parametrize(("task", "learnt"), [("MULTI_CLASS_CLS", 192), ("DETECTION", 0)])
def test_steps_of_other_frameworks_get_objects_in_whole_photographs(tmp_path, task, learnt) -> None:
    settings = {"transforms.framework": "mmdet", "transforms.train": [{"name": "RandomFlip"}]}
    plan = Engine(photographs(tmp_path, task), task=task, settings=settings).given.plan()
    assert least_sides(plan, read_data(plan), InputSpec(height=96, width=96))[0] == learnt
