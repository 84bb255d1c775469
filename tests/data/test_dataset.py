"""A sample is a pure function of (seed, epoch, index)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from otx.core.input_spec import InputSpec
from otx.data.dataset import OTXDataset
from otx.data.images import BrokenImageError
from otx.data.item import Item
from otx.tasks.detection.reader import DetAnnotation, DetectionReader
from otx.transforms.fit import FitToInput
from otx.transforms.pipeline import build_transform

SPEC = InputSpec(height=32, width=48)
STEPS = [
    {"name": "Mosaic", "p": 0.7},
    {"name": "RandomZoom"},
    {"name": "RandomHorizontalFlip"},
    {"name": "RandomColorTwist"},
]


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Six pictures with one box each."""
    generator = np.random.default_rng(0)
    made = []
    for index in range(6):
        path = tmp_path / f"{index}.png"
        Image.fromarray(generator.integers(0, 256, (40, 50 + index, 3), dtype=np.uint8)).save(path)
        annotation = DetAnnotation(np.array([[5, 5, 30, 30]], np.float32), np.array([index]))
        made.append(Item(path, 40, 50 + index, annotation))
    return made


def dataset(items, seed: int = 0, **options: object) -> OTXDataset:
    return OTXDataset(items, DetectionReader(), build_transform(STEPS, SPEC), seed, **options)


def same(one, other) -> bool:
    return (
        torch.equal(one.image, other.image)
        and torch.equal(one.bboxes, other.bboxes)
        and torch.equal(one.labels, other.labels)
    )


def test_the_key_decides_and_nothing_else(items) -> None:
    first = dataset(items)
    forwards = {key: first[key] for key in [(0, 0), (0, 1), (1, 0)]}
    torch.manual_seed(77)
    second = dataset(items)
    backwards = {key: second[key] for key in reversed(forwards)}
    assert all(same(forwards[key], backwards[key]) for key in forwards)
    assert not same(forwards[0, 0], forwards[1, 0])
    assert not same(forwards[0, 0], dataset(items, seed=1)[0, 0])


def test_the_global_generator_is_left_alone(items) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    dataset(items)[3, 2]
    assert torch.equal(torch.rand(3), expected)


def test_the_sample_knows_where_it_comes_from(items) -> None:
    evaluated = OTXDataset(items, DetectionReader(), FitToInput(SPEC), 0)[0, 3]
    info = evaluated.img_info
    assert (info.index, info.path, info.height, info.width) == (3, str(items[3].path), 40, 53)
    assert info.scale == pytest.approx((48 / 53, 32 / 40))
    assert evaluated.bboxes.tolist()[0] == pytest.approx([5 * 48 / 53, 4, 30 * 48 / 53, 24])
    assert evaluated.labels.tolist() == [3]


def test_a_broken_image_raises_or_is_replaced_by_the_next(items) -> None:
    for index in (2, 3):
        items[index].path.write_bytes(b"no image")
    with pytest.raises(BrokenImageError, match=r"2\.png"):
        OTXDataset(items, DetectionReader(), FitToInput(SPEC), 0)[0, 2]
    replacing = OTXDataset(items, DetectionReader(), FitToInput(SPEC), 0, replace_broken=True)
    fetched = replacing.fetch((0, 2))
    assert fetched.sample is not None
    assert fetched.sample.img_info.index == 4
    assert [Path(str(error).partition(":")[0]).name for error in fetched.broken] == ["2.png", "3.png"]
    assert OTXDataset(items, DetectionReader(), FitToInput(SPEC), 0).fetch((0, 2)).sample is None


def test_replacement_goes_round_and_gives_up(items) -> None:
    items[5].path.unlink()
    replacing = OTXDataset(items, DetectionReader(), FitToInput(SPEC), 0, replace_broken=True)
    assert replacing.fetch((0, 5)).sample.img_info.index == 0
    for item in items:
        item.path.unlink(missing_ok=True)
    fetched = replacing.fetch((0, 1))
    assert fetched.sample is None
    assert len(fetched.broken) == 6


def test_a_mosaic_replaces_broken_neighbours(items) -> None:
    for index in (0, 1, 3, 5):
        items[index].path.write_bytes(b"no image")
    mosaics = OTXDataset(items, DetectionReader(), build_transform([{"name": "Mosaic", "p": 1.0}], SPEC), 0)
    fetched = mosaics.fetch((0, 2))
    assert fetched.sample is not None
    assert fetched.broken
    with pytest.raises(BrokenImageError):
        mosaics[0, 2]
