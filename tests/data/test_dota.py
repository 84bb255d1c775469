"""DOTA's text files are read into rotated boxes, and rectangles among polygons are noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.generated import SORTED_LABELS, Picture, paint, write_coco, write_dota

from otx.core.errors import UserError
from otx.core.rotated_boxes import rectangles_among
from otx.data.source import open_source

TURNED = "10 5 20 15 14 21 4 11 box 0\n"


def write(root: Path, text: str, name: str = "a") -> Path:
    paint(root / "images" / f"{name}.jpg", Picture(name, "train"))
    (root / "labelTxt-v1.0").mkdir(exist_ok=True)
    (root / "labelTxt-v1.0" / f"{name}.txt").write_text(text)
    return root


def test_boxes_are_those_of_the_other_formats(tmp_path: Path) -> None:
    written = write_dota(tmp_path)
    source = open_source(tmp_path)
    assert source.format == "dota"
    assert source.evidence.annotations == {"rotated_bbox": sum(len(one.boxes) for one in written.pictures)}
    assert {name: len(items) for name, items in source.subsets.items()} == {"train": 8, "val": 3, "test": 4}
    of_name = {Path(item.id).stem: item for items in source.subsets.values() for item in items}
    for picture in written.pictures:
        found = [(SORTED_LABELS[one.label], *np.round(one.get_bbox())) for one in of_name[picture.name].annotations]
        assert found == [(label, x1, y1, x2 - x1, y2 - y1) for label, x1, y1, x2, y2 in picture.boxes]


def test_a_turned_box_keeps_its_corners(tmp_path: Path) -> None:
    (item,) = open_source(write(tmp_path, TURNED)).subsets["unassigned"]
    corners = np.array(item.annotations[0].as_polygon())
    expected = np.array([[10, 5], [20, 15], [14, 21], [4, 11]])
    assert np.abs(corners[:, None] - expected).sum(axis=2).min(axis=1).max() < 0.01


def test_a_text_is_that_of_the_nearest_image(tmp_path: Path) -> None:
    write(tmp_path / "dota", TURNED)
    paint(tmp_path / "coco" / "images" / "a.jpg", Picture("a", "train"))
    (item,) = open_source(tmp_path, "dota").subsets["unassigned"]
    assert item.id == "dota/images/a.jpg"


def test_difficult_objects_are_counted(tmp_path: Path) -> None:
    source = open_source(write(tmp_path, TURNED + TURNED.replace(" 0\n", " 1\n")))
    assert source.problems.counts() == {"difficult object read as any other": 1}


def test_a_line_that_is_none_is_bad_and_named(tmp_path: Path) -> None:
    problems = open_source(write(tmp_path, TURNED + "10 5 20 box 0\n")).problems
    assert [(one.where, one.message) for one in problems.bad()] == [("labelTxt-v1.0/a.txt:2", "10 5 20 box 0")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 2 3\n", "a line reads '1 2 3'"),
        (f"1 2 3\n{TURNED}1 2 3\n", "a line reads '1 2 3'"),
        ("0 0.1 0.1 0.5 0.2 0.45 0.5 0.05 0.4\n", "a line reads '0 0.1"),
        ("0 0.1 0.1 0.5 0.2 0.45 0.5 0.05 4e-05\n", "a line reads '0 0.1"),
        ("", "all are empty"),
    ],
)
def test_other_texts_are_not_dota(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        open_source(write(tmp_path, text), "dota")


def test_rotated_boxes_of_yolo_stay_yolo_where_its_lists_leave_images_out(tmp_path: Path) -> None:
    for subset in ("train", "val", "test"):
        paint(tmp_path / "images" / subset / f"{subset}.jpg", Picture(subset, subset))
        (tmp_path / "labels" / subset).mkdir(parents=True)
        (tmp_path / "labels" / subset / f"{subset}.txt").write_text("0 0.1 0.1 0.5 0.2 0.45 0.5 0.05 0.4\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [ship]\n")
    assert open_source(tmp_path).format == "yolo"


def test_rectangles_are_told_from_other_polygons(tmp_path: Path) -> None:
    upright, turned = [1, 1, 9, 1, 9, 5, 1, 5], [10, 5, 20, 15, 14, 21, 4, 11]
    kite, bent = [0, 0, 10, 2, 20, 0, 10, -9], [0, 0, 10, 0, 14, 8, 4, 8]
    assert rectangles_among(np.array([upright, turned, kite, bent])) == (2, 1)
    assert rectangles_among(np.array([])) == (0, 0)
    write_coco(tmp_path, polygons=True)
    evidence = open_source(tmp_path).evidence
    assert evidence.slanted == 0
    assert evidence.count("polygon")
