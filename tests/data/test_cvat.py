"""CVAT for images 1.1: which elements become what, and what is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datumaro import AnnotationType
from tests.generated import Picture, cvat_xml, paint

from otx.core.errors import UserError
from otx.core.masks import to_pixels
from otx.data.source import DataSource, open_source
from otx.tasks import task_spec

TRIANGLE = '<polygon label="{}" points="5.0,5.0;20.0,8.0;12.0,30.0" group_id="{}"/>'
BOX = '<box label="{}" xtl="30" ytl="20" xbr="10" ybr="5"/>'
SKELETON = (
    "<label><name>star</name><type>skeleton</type></label>"
    "<label><name>left hand</name><type>points</type><parent>star</parent></label>"
    "<label><name>right hand</name><type>points</type><parent>star</parent></label>"
    "<label><name>head</name><type>points</type><parent>star</parent></label>"
)


def image(inside: str = "", name: str = "a.jpg", subset: str = "") -> str:
    return f'<image id="0" name="{name}" subset="{subset}" width="60" height="40">{inside}</image>'


def write(root: Path, images: str, *labels: str, name: str = "annotations.xml", at: str = "images/a.jpg") -> Path:
    paint(root / at, Picture("a", ""))
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(cvat_xml(images, labels or ("star", "box")))
    return root


def annotations(source: DataSource) -> list[Any]:
    return [one for items in source.subsets.values() for item in items for one in item.annotations]


def best_task(source: DataSource) -> str:
    names = ("DETECTION", "INSTANCE_SEGMENTATION", "MULTI_CLASS_CLS", "MULTI_LABEL_CLS", "ROTATED_DETECTION")
    claims = {name: task_spec(name).claim(source.evidence) for name in (*names, "KEYPOINT_DETECTION")}
    return max(claims, key=lambda name: claim.fit if (claim := claims[name]) else 0)


def test_elements(tmp_path: Path) -> None:
    mask = '<mask label="box" rle="1, 3, 2" left="4" top="6" width="3" height="2"/>'
    turned = '<box label="box" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90.0"/>'
    ellipse = '<ellipse label="box" cx="30" cy="20" rx="10" ry="5" rotation="90"/>'
    write(tmp_path, image(BOX.format("box") + TRIANGLE.format("star", 0) + mask + turned + ellipse))
    source = open_source(tmp_path)
    assert source.format == "cvat"
    assert not source.problems
    box, polygon, pixels, rotated, oval = annotations(source)
    assert (list(box.points), box.label) == ([10, 5, 30, 20], 0)
    assert (list(polygon.points), polygon.label) == ([5, 5, 20, 8, 12, 30], 1)
    assert np.argwhere(to_pixels([pixels.rle], (40, 60))[0]).tolist() == [[6, 5], [6, 6], [7, 4]]
    assert sorted(map(tuple, np.round(rotated.as_polygon()))) == [(15, 5), (15, 25), (25, 5), (25, 25)]
    assert np.round(oval.get_bbox()).tolist() == [25, 10, 10, 20]


def test_unused_labels_are_classes_and_keypoints_are_not(tmp_path: Path) -> None:
    inside = (
        '<skeleton label="star"><points label="head" outside="0" occluded="1" points="7,9"/>'
        '<points label="left hand" outside="0" occluded="0" points="3,4"/>'
        '<points label="right hand" outside="1" occluded="0" points="5,6"/></skeleton>'
    )
    source = open_source(write(tmp_path, image(inside), SKELETON, "unused", "box"))
    assert [entry.name for entry in source.categories[AnnotationType.label]] == ["box", "star", "unused"]
    assert source.categories[AnnotationType.points].items[1].labels == ["left hand", "right hand", "head"]
    (points,) = annotations(source)
    assert list(points.points) == [3, 4, 0, 0, 7, 9]
    assert [int(one) for one in points.visibility] == [2, 0, 1]
    assert best_task(source) == "KEYPOINT_DETECTION"


@pytest.mark.parametrize(
    ("inside", "task"),
    [
        ('<tag label="box"/>', "MULTI_CLASS_CLS"),
        ('<tag label="box"/><tag label="star"/>', "MULTI_LABEL_CLS"),
        (BOX.format("box"), "DETECTION"),
        (TRIANGLE.format("box", 0), "INSTANCE_SEGMENTATION"),
        ('<box label="box" xtl="10" ytl="10" xbr="30" ybr="20" rotation="30.0"/>', "ROTATED_DETECTION"),
    ],
)
def test_the_task_follows(tmp_path: Path, inside: str, task: str) -> None:
    assert best_task(open_source(write(tmp_path, image(inside)))) == task


def test_a_group_of_a_class_is_one_object(tmp_path: Path) -> None:
    inside = "".join(TRIANGLE.format(*one) for one in (("box", 3), ("box", 3), ("star", 3), ("box", 0), ("box", 0)))
    assert [one.group for one in annotations(open_source(write(tmp_path, image(inside))))] == [1, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("said", "at", "subset"),
    [
        ("Train", "images/Train/a.jpg", "train"),
        ("Validation", "images/a.jpg", "val"),
        ("default", "images/default/a.jpg", "unassigned"),
        ("", "a.jpg", "unassigned"),
        ("", "images/test/a.jpg", "test"),
        ("backlog", "images/backlog/a.jpg", "backlog"),
    ],
)
def test_subsets(tmp_path: Path, said: str, at: str, subset: str) -> None:
    source = open_source(write(tmp_path, image(subset=said), at=at))
    assert {name: [item.id for item in items] for name, items in source.subsets.items()} == {subset: [at]}
    assert source.evidence.unlabelled == 1


def test_a_file_for_each_subset_and_images_of_equal_names(tmp_path: Path) -> None:
    for subset in ("train", "val"):
        write(tmp_path, image(BOX.format("box")), name=f"{subset}/annotations.xml", at=f"{subset}/images/a.jpg")
    source = open_source(tmp_path)
    assert {name: [item.id for item in items] for name, items in source.subsets.items()} == {
        "train": ["train/images/a.jpg"],
        "val": ["val/images/a.jpg"],
    }


def test_equal_names_in_folders_of_subsets(tmp_path: Path) -> None:
    write(tmp_path, image(subset="train") + image(subset="val"), at="images/train/a.jpg")
    paint(tmp_path / "images" / "val" / "a.jpg", Picture("a", ""))
    source = open_source(tmp_path)
    assert {name: [item.id for item in items] for name, items in source.subsets.items()} == {
        "train": ["images/train/a.jpg"],
        "val": ["images/val/a.jpg"],
    }


@pytest.mark.parametrize(
    ("name", "kind"), [("b.jpg", "missing image"), ("../../out.jpg", "path outside the data root")]
)
def test_images_that_are_not_there(tmp_path: Path, name: str, kind: str) -> None:
    paint(tmp_path / "out.jpg", Picture("a", ""))
    root = write(tmp_path / "root", image(name=name))
    assert [one.kind for one in open_source(root).problems.bad()] == [kind]


def test_what_cannot_be_used_is_counted_by_name(tmp_path: Path) -> None:
    inside = '<points label="box" points="1,2"/><polyline label="box" points="1,2;3,4"/><cuboid label="box"/>'
    inside += BOX.format("unknown") + '<polygon label="box" points="1,2;3,4"/><box label="box" xtl="1"/>'
    for rle, left in (("1, 2", 4), ("-1, 7", 4), ("6", 59)):
        inside += f'<mask label="box" rle="{rle}" left="{left}" top="6" width="3" height="2"/>'
    source = open_source(write(tmp_path, image(inside)))
    assert not annotations(source)
    assert source.problems.counts() == {
        "unreadable annotation": 5,
        "shape left out that is no box and no outline: points": 1,
        "shape left out that is no box and no outline: polyline": 1,
        "shape left out that is no box and no outline: cuboid": 1,
        "annotation of an unknown class": 1,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (cvat_xml('<track id="0" label="box"></track>'), "the <track>s of a video"),
        ("<annotations><meta>", "broken XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations><image/></annotations>', "broken XML, EntitiesForbidden"),
        ("<other/>", "found no .xml whose root is <annotations>"),
    ],
)
def test_other_xml_is_not_cvat(tmp_path: Path, text: str, told: str) -> None:
    paint(tmp_path / "a.jpg", Picture("a", ""))
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(UserError, match=told):
        open_source(tmp_path, "cvat")
