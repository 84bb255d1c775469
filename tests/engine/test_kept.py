"""Images of a training are kept in memory where decoding them again would cost, and only as many as there is room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.data.kept_images import KeptImages
from otx.engine import Engine
from otx.engine.kept import keep_in_memory
from otx.engine.reading import make_datamodule, read_data
from otx.training.ram import GIB

SPEC = InputSpec(height=64, width=64)
KEPT = 128 * 160 * 3
"""Bytes of a picture of 256x320 that is decoded for training at no less than twice 64 pixels."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for subset, count in (("train", 4), ("val", 2)):
        for label in ("cat", "dog"):
            folder = tmp_path / subset / label
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 256, (256, 320, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.jpg")
    return tmp_path


def kept(root: Path, spec: InputSpec = SPEC, *, chosen: float | None = None, **settings: object):
    plan = Engine(root, settings={"data.batch_size": 2, **settings}).given.plan()
    if chosen is not None:
        plan.choose("data.cache", chosen, "by a run that is gone on with")
    plan.choose("devices", 1, "")
    data = read_data(plan)
    datamodule = make_datamodule(plan, data, spec)
    keep_in_memory(plan, data, datamodule, spec)
    return plan, datamodule


def test_large_images_are_kept_for_both_ways_of_reading(root) -> None:
    plan, datamodule = kept(root)
    assert plan["data.cache"] > 0
    assert plan.choices["data.cache"].origin == "auto"
    assert "20 times the pixels of the model's input" in plan.choices["data.cache"].reason
    for train, subset in ((True, "train"), (False, "val")):
        dataset = datamodule.dataset(subset, train=train)
        assert isinstance(dataset.read, KeptImages)
        assert len(dataset.read.images) == len(dataset)
        plain = replace(dataset, read=dataset.read.read)
        assert all(torch.equal(dataset.raw(index).image, plain.raw(index).image) for index in range(len(dataset)))


@pytest.mark.parametrize(
    ("side", "settings", "reason"),
    [
        (160, {}, "3.2 times the pixels"),
        (64, {"training.ram": 4.0}, "training.ram bounds the memory"),
        (64, {"training.max_epochs": 1}, "a single epoch"),
    ],
)
def test_images_are_not_kept_without_need_or_room(root, side, settings, reason) -> None:
    plan, datamodule = kept(root, InputSpec(height=side, width=side), **settings)
    assert plan["data.cache"] == 0
    assert reason in plan.choices["data.cache"].reason
    assert not isinstance(datamodule.train_read, KeptImages)


def test_little_memory_is_left_to_the_training(root, monkeypatch) -> None:
    monkeypatch.setattr("otx.engine.kept.available", lambda: 2.0)
    plan, datamodule = kept(root)
    assert plan["data.cache"] == 0
    assert not isinstance(datamodule.train_read, KeptImages)


def test_as_many_are_kept_as_the_user_gives_room_for(root) -> None:
    _, datamodule = kept(root, **{"data.cache": 3.5 * KEPT / GIB})
    assert (len(datamodule.train_read.images), len(datamodule.eval_read.images)) == (3, 2)


@pytest.mark.parametrize(
    ("spec", "settings", "reason"),
    [
        (replace(SPEC, frames=8), {}, "there are no image files to decode"),
        (SPEC, {"training.ram": 4.0}, "training.ram bounds the memory"),
    ],
)
def test_room_that_no_image_may_take_is_an_error(root, spec, settings, reason) -> None:
    with pytest.raises(UserError, match=f"data.cache is 1.0, but {reason}"):
        kept(root, spec, **{"data.cache": 1.0}, **settings)


@pytest.mark.parametrize(
    ("spec", "settings"), [(replace(SPEC, frames=8), {}), (SPEC, {"training.ram": 4.0}), (SPEC, {"data.cache": 0.0})]
)
def test_a_run_that_goes_on_in_another_way_keeps_none(root, spec, settings) -> None:
    plan, datamodule = kept(root, spec, chosen=1.0, **settings)
    assert plan["data.cache"] == 0
    assert not isinstance(datamodule.train_read, KeptImages)
