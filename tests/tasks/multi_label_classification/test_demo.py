"""The demonstration set: any number of digits in an image, the same each time, and it is learned."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from otx.core.label_info import LabelInfo
from otx.data.index import build_index
from otx.data.source import open_source
from otx.engine.demo import demo
from otx.tasks.multi_label_classification.demo import IMAGES, SIDE, write_demo
from otx.tasks.multi_label_classification.draw import draw
from otx.tasks.multi_label_classification.reader import MultiLabelClsReader

MAP_OF_CHANCE = 0.2
"""What random scores reach is the share of images with a label, 13 to 18 % in this set."""


def test_images_have_any_number_of_labels(tmp_path: Path) -> None:
    write_demo(tmp_path)
    reader = MultiLabelClsReader()
    index = build_index(open_source(tmp_path), reader, on_bad_data="error", seed=0, split_file=None)
    assert {name: len(items) for name, items in index.subsets.items()} == IMAGES
    assert {len(reader.label_ids(item.annotation)) for item in index.subsets["train"]} >= {0, 1, 2, 3}
    assert all(0.1 < count / IMAGES["train"] < MAP_OF_CHANCE for count in index.class_counts["train"])
    assert {(item.height, item.width) for items in index.subsets.values() for item in items} == {(SIDE, SIDE)}


def test_the_same_seed_gives_the_same_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.tasks.multi_label_classification.demo.IMAGES", {"train": 5, "val": 3, "test": 3})
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_demo(tmp_path / folder, seed=seed)
    content = {
        folder: [path.read_bytes() for path in sorted((tmp_path / folder).rglob("*.*"))] for folder in ("a", "b", "c")
    }
    assert content["a"] == content["b"] != content["c"]


def test_labels_are_drawn_and_counted_where_there_are_many() -> None:
    labels = LabelInfo(tuple("abcdefghi"))
    image = Image.new("RGB", (64, 64))
    few, many, none = ({"labels": [{"label": name} for name in names]} for names in ("ab", "abcdefghi", ""))
    assert draw(image, few, labels).size == (384, 384)
    assert draw(image, many, labels).height == draw(image, none, labels).height > 384
    assert draw(image, few, labels, "truth").height > 384


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.framework("timm")
def test_the_demo_learns_and_its_ir_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo("MULTI_LABEL_CLS")
    assert result.metrics["map"] > 2 * MAP_OF_CHANCE
    assert result.metrics_exported == pytest.approx(result.metrics, abs=0.002)
    assert result.parity is not None
    assert result.parity["passed"]
