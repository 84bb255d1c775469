"""LabelMe's files, one per image: which shapes become what, and what is counted."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datumaro import AnnotationType
from PIL import Image
from tests.generated import Picture, paint, write_labelme

from otx.core.errors import UserError
from otx.core.masks import to_pixels
from otx.data.source import DataSource, open_source
from otx.tasks import task_spec

TRIANGLE = [[5, 5], [20, 8], [12, 30]]


def shape(kind: str, points: list[Any], label: str = "box", group: int | None = None, **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": group, "flags": {}, **more}


def write(root: Path, *shapes: dict[str, Any], name: str = "a", **more: Any) -> Path:
    """An image of 40x60 pixels, and its file."""
    paint(root / f"{name}.jpg", Picture("a", ""))
    content = {"flags": {}, "shapes": shapes, "imagePath": f"{name.rpartition('/')[2]}.jpg", "imageData": None}
    content |= {"imageHeight": 40, "imageWidth": 60}
    (root / f"{name}.json").write_text(json.dumps(content | more))
    return root


def annotations(source: DataSource) -> list[Any]:
    return [one for items in source.subsets.values() for item in items for one in item.annotations]


def best_task(source: DataSource) -> str:
    names = ("DETECTION", "INSTANCE_SEGMENTATION", "MULTI_CLASS_CLS", "MULTI_LABEL_CLS", "ROTATED_DETECTION")
    claims = {name: task_spec(name).claim(source.evidence) for name in names}
    return max(names, key=lambda name: claim.fit if (claim := claims[name]) else 0)


def test_shapes(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(np.array([[0, 1, 1], [1, 0, 0]], bool)).save(png, "PNG")
    mask = base64.b64encode(png.getvalue()).decode()
    write(
        tmp_path,
        shape("rectangle", [[30, 20], [10, 5]]),
        shape("polygon", TRIANGLE, "star"),
        shape("circle", [[30, 20], [30, 30]], "Disc"),
        shape("mask", [[4, 6], [6, 7]], mask=mask),
    )
    source = open_source(tmp_path)
    assert source.format == "labelme"
    assert not source.problems
    assert [entry.name for entry in source.categories[AnnotationType.label]] == ["box", "Disc", "star"]
    box, polygon, circle, pixels = annotations(source)
    assert list(box.points) == [10, 5, 30, 20]
    assert (list(polygon.points), polygon.label) == ([5, 5, 20, 8, 12, 30], 2)
    assert np.round(circle.get_bbox()).tolist() == [20, 10, 20, 20]
    assert np.argwhere(to_pixels([pixels.rle], (40, 60))[0]).tolist() == [[6, 5], [6, 6], [7, 4]]
    assert len({one.group for one in (box, polygon, circle, pixels)}) == 4


def test_a_group_of_a_class_is_one_object(tmp_path: Path) -> None:
    parts = [shape("polygon", TRIANGLE, label, group) for label, group in (("box", 0), ("box", 0), ("star", 0))]
    source = open_source(write(tmp_path, *parts, shape("polygon", TRIANGLE), shape("polygon", TRIANGLE)))
    assert [one.group for one in annotations(source)] == [1, 1, 2, 3, 4]
    assert source.evidence.annotations == {"polygon": 4}
    assert best_task(source) == "INSTANCE_SEGMENTATION"


def test_rectangles_are_for_detection(tmp_path: Path) -> None:
    write_labelme(tmp_path)
    assert best_task(open_source(tmp_path)) == "DETECTION"


@pytest.mark.parametrize(
    ("flags", "task"), [({"cat": True, "dog": False}, "MULTI_CLASS_CLS"), ({"cat": 1, "dog": True}, "MULTI_LABEL_CLS")]
)
def test_flags_are_labels(tmp_path: Path, flags: dict[str, Any], task: str) -> None:
    write(tmp_path, flags=flags)
    source = open_source(write(tmp_path, name="b", flags={"dog": True}))
    assert best_task(source) == task
    assert [entry.name for entry in source.categories[AnnotationType.label]] == ["cat", "dog"]


def test_flags_beside_shapes_are_marks_of_the_work_and_counted(tmp_path: Path) -> None:
    write(tmp_path, shape("polygon", TRIANGLE))
    source = open_source(write(tmp_path, name="b", flags={"checked": True}))
    (problem,) = source.problems
    assert (problem.kind, problem.message) == ("flag of an image left out, where images have shapes", "checked")
    assert "checked" not in [entry.name for entry in source.categories[AnnotationType.label]]


def test_folders_are_subsets_and_a_file_without_shapes_is_an_image_without_objects(tmp_path: Path) -> None:
    write(tmp_path, shape("polygon", TRIANGLE), name="train/test_1")
    write(tmp_path, name="val/a", imageData=base64.b64encode(b"copy").decode())
    source = open_source(tmp_path)
    assert {name: [item.id for item in items] for name, items in source.subsets.items()} == {
        "train": ["train/test_1.jpg"],
        "val": ["val/a.jpg"],
    }
    assert source.evidence.unlabelled == 1
    assert not source.problems


@pytest.mark.parametrize(
    "name", ["..\\photos\\a.jpg", "/home/me/old.jpg", "old.jpg", "", "../../../etc/a.jpg", "../../../etc/old.jpg"]
)
def test_images_that_were_moved_or_renamed(tmp_path: Path, name: str) -> None:
    root = write(tmp_path / "root", shape("polygon", TRIANGLE), imagePath=name)
    assert [item.id for item in open_source(root).subsets["unassigned"]] == ["a.jpg"]


@pytest.mark.parametrize(
    ("name", "kind"), [("b.jpg", "missing image"), ("../../out.jpg", "path outside the data root")]
)
def test_images_that_are_not_there(tmp_path: Path, name: str, kind: str) -> None:
    paint(tmp_path / "out.jpg", Picture("a", ""))
    root = write(tmp_path / "root", shape("polygon", TRIANGLE), imagePath=name)
    (root / "a.jpg").unlink()
    problems = open_source(root).problems
    assert [(one.kind, one.where) for one in problems.bad()] == [(kind, "a.json")]


def test_what_cannot_be_used_is_counted_by_name(tmp_path: Path) -> None:
    points = shape("point", [[3, 3]], "unseen")
    line = shape("line", TRIANGLE[:2], "unseen")
    short = shape("polygon", TRIANGLE[:2])
    bad = [shape("rectangle", [[1, 1]]), shape("mask", [[0, 0], [3, 3]], mask="?"), {"points": TRIANGLE}]
    write(tmp_path, points, points, line, short, *bad, shape("polygon", TRIANGLE))
    write(tmp_path, name="b")
    (tmp_path / "b.json").write_text('{"shapes": [], "imagePath": ')
    (tmp_path / "other.json").write_text("{}")
    source = open_source(tmp_path)
    assert source.evidence.annotations == {"polygon": 1}
    assert [entry.name for entry in source.categories[AnnotationType.label]] == ["box"]
    assert source.problems.counts() == {
        "shape left out that is no box and no outline: point": 2,
        "shape left out that is no box and no outline: line": 1,
        "polygon of fewer than 3 points dropped": 1,
        "unreadable annotation": 4,
        "JSON file left out that is not LabelMe's": 1,
        "images that no annotation file is about left out": 1,
    }


def test_other_json_is_not_labelme(tmp_path: Path) -> None:
    paint(tmp_path / "a.jpg", Picture("a", ""))
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(UserError, match=r"a.json has no 'shapes' and no 'imagePath'"):
        open_source(tmp_path, "labelme")
