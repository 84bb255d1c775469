"""Splits are stratified, seeded, complete, and the same when read again."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from otx.core.errors import UserError
from otx.data.split import make_split, read_split, write_split


def classified(classes: int, each: int) -> dict[str, list[int]]:
    return {f"{label}/{number}": [label] for label in range(classes) for number in range(each)}


@pytest.mark.parametrize("count", range(1, 11))
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_tiny_sets(count: int, classes: int) -> None:
    images = {f"{number:02}": [number % classes] for number in range(count)}
    split = make_split(images, ["val", "test"], 0)
    assert sorted(chain(*split.values())) == sorted(images)
    assert len(split["train"]) >= 1
    assert bool(split["val"]) == (count >= 2)
    assert bool(split["test"]) == (count >= 3)
    if count >= classes + 2:
        assert {images[name][0] for name in split["train"]} == set(range(classes))


def test_shares_hold_in_every_class() -> None:
    split = make_split(classified(10, 40), ["val", "test"], 0)
    for name, share in (("train", 28), ("val", 6), ("test", 6)):
        counts = Counter(image.split("/")[0] for image in split[name])
        assert set(counts.values()) == {share}, name


def test_rare_classes_stay_in_training() -> None:
    images = classified(2, 50) | {"rare": [2], "pair0": [3], "pair1": [3]}
    split = make_split(images, ["val", "test"], 0)
    assert "rare" in split["train"]
    assert {"pair0", "pair1"} & set(split["train"])


def test_many_objects_per_image() -> None:
    rng = np.random.default_rng(0)
    shares = (0.9, 0.3, 0.1)
    images = {
        f"{number:03}": [label for label, share in enumerate(shares) for _ in range(3) if rng.random() < share]
        for number in range(300)
    }
    split = make_split(images, ["val", "test"], 0)
    assert {name: len(members) for name, members in split.items()} == {"train": 210, "val": 45, "test": 45}
    for label in range(3):
        having = {name: sum(label in images[image] for image in members) for name, members in split.items()}
        whole = sum(having.values())
        for name, members in split.items():
            assert abs(having[name] / whole - len(members) / 300) < 0.05, (label, having)


def test_negatives_are_shared_too() -> None:
    images: dict[str, list[int]] = classified(1, 40) | {f"empty{number}": [] for number in range(40)}
    split = make_split(images, ["val", "test"], 0)
    assert {name: sum(image.startswith("empty") for image in members) for name, members in split.items()} == {
        "train": 28,
        "val": 6,
        "test": 6,
    }


def test_the_seed_decides_and_nothing_else() -> None:
    images = classified(3, 20)
    shuffled = dict(sorted(images.items(), key=lambda entry: entry[0][::-1]))
    assert make_split(images, ["val"], 1) == make_split(shuffled, ["val"], 1)
    assert make_split(images, ["val"], 1) != make_split(images, ["val"], 2)


def test_read_again(tmp_path: Path) -> None:
    images = classified(3, 20)
    split = make_split(images, ["val", "test"], 0)
    path = tmp_path / "data" / "split.json"
    write_split(path, split, 0)
    assert read_split(path, images) == split
    assert [entry.name for entry in path.parent.iterdir()] == ["split.json"]


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        ({"train": ["a"], "val": ["b"]}, "1 images are not in the split, for example c"),
        ({"train": ["a", "c"], "val": ["b", "d"]}, "1 images are no longer in the data, for example d"),
        ({"train": ["a", "c"], "val": ["b", "c"]}, "1 images are listed twice, for example c"),
        ([], "expected a split file"),
    ],
)
def test_a_split_of_other_data_is_refused(tmp_path: Path, subsets: object, message: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"seed": 0, "subsets": subsets}))
    with pytest.raises(UserError, match=message):
        read_split(path, ["a", "b", "c"])


def test_a_broken_split_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text("{")
    with pytest.raises(UserError, match="expected a split file"):
        read_split(tmp_path / "split.json", ["a"])
