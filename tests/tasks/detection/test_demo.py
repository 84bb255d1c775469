"""The demonstration set: deterministic, varied, and honest about its handwriting."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from otx.data.digit_scenes import IMAGES, SIDE
from otx.tasks.detection.demo import write_demo


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    return folder


def content(root: Path, subset: str) -> dict[str, Any]:
    return dict(json.loads((root / "annotations" / f"instances_{subset}.json").read_text()))


@pytest.mark.parametrize("subset", IMAGES)
def test_images_and_annotations_fit(root: Path, subset: str) -> None:
    data = content(root, subset)
    assert len(data["images"]) == IMAGES[subset]
    files = {path.name for path in (root / "images" / subset).iterdir()}
    assert files == {image["file_name"] for image in data["images"]}
    assert Image.open(root / "images" / subset / data["images"][0]["file_name"]).size == (SIDE, SIDE)
    assert len({annotation["id"] for annotation in data["annotations"]}) == len(data["annotations"])
    assert {annotation["category_id"] for annotation in data["annotations"]} == set(range(1, 11))
    for x, y, width, height in (annotation["bbox"] for annotation in data["annotations"]):
        assert 0 <= x < x + width <= SIDE
        assert 0 <= y < y + height <= SIDE
        assert 18 <= height <= 68


def test_some_images_are_empty_and_digits_do_not_overlap(root: Path) -> None:
    data = content(root, "train")
    by_image: dict[int, list[list[int]]] = {image["id"]: [] for image in data["images"]}
    for annotation in data["annotations"]:
        by_image[annotation["image_id"]].append(annotation["bbox"])
    assert 5 < sum(not boxes for boxes in by_image.values()) < 60
    for boxes in by_image.values():
        for i, (x, y, w, h) in enumerate(boxes):
            assert not any(x < a + c and a < x + w and y < b + d and b < y + h for a, b, c, d in boxes[:i])


def test_the_same_seed_gives_the_same_set(root: Path, tmp_path: Path) -> None:
    def digest(folder: Path) -> str:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    write_demo(tmp_path / "same")
    write_demo(tmp_path / "other", seed=1)
    assert digest(tmp_path / "same") == digest(root) != digest(tmp_path / "other")
