"""Datumaro's annotations become objects with keypoints, and every repair is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datumaro as dm
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.data.index import build_index
from otx.data.source import open_source
from otx.tasks.detection.reader import DetectionReader
from otx.tasks.keypoint_detection.reader import AREA_OF_BOX, KeypointReader

SIZE = (50, 100)
PLACES = [10.0, 10.0, 20.0, 12.0, 30.0, 40.0]


def read(labels, *annotations: Any) -> tuple[Any, list[str]]:
    told: list[str] = []
    item = dm.DatasetItem(id="a", annotations=list(annotations))
    return KeypointReader().annotation(item, labels, SIZE, told.append), told


def categories(**keypoints: list[str]) -> dm.CategoriesInfo:
    points = dm.PointsCategories()
    for index, names in enumerate(keypoints.values()):
        points.add(index, names, [(1, 2), (2, 9)])
    return {dm.AnnotationType.label: dm.LabelCategories.from_iterable(keypoints), dm.AnnotationType.points: points}


def test_keypoints_of_a_data_set() -> None:
    labels = KeypointReader().label_info(categories(cat=["nose", "Left ear", "Right ear"], dog=[]))
    assert labels.names == ("cat", "dog")
    assert labels.keypoints.names == ("nose", "Left ear", "Right ear")
    assert labels.keypoints.edges == ((0, 1),)
    assert labels.keypoints.flip_order == (0, 2, 1)
    assert type(labels).from_dict(labels.to_dict()) == labels


@pytest.mark.parametrize(
    ("keypoints", "message"),
    [({"cat": []}, "declares keypoints"), ({"cat": ["a"], "dog": ["b"]}, "the same keypoints")],
)
def test_no_keypoints_or_different_ones_are_refused(keypoints, message) -> None:
    with pytest.raises(UserError, match=message):
        KeypointReader().label_info(categories(**keypoints))


def test_box_and_keypoints_of_a_group_are_one_object(labels) -> None:
    found, told = read(
        labels,
        dm.Bbox(5, 5, 40, 40, label=1, group=3),
        dm.Points(PLACES, [2, 1, 0], label=1, group=3),
        dm.Bbox(50, 5, 20, 20, label=0, group=4),
    )
    assert found.boxes.tolist() == [[5, 5, 45, 45], [50, 5, 70, 25]]
    assert found.labels.tolist() == [1, 0]
    assert found.keypoints[0].tolist() == [[10, 10, 2], [20, 12, 1], [30, 40, 0]]
    assert not found.keypoints[1].any()
    assert found.areas == pytest.approx([AREA_OF_BOX * 40 * 40, AREA_OF_BOX * 20 * 20])
    assert not told
    ((box, one),) = KeypointReader().objects(found)
    assert box.tolist() == [5, 5, 45, 45]
    assert one.labels.tolist() == [1]


def test_an_area_that_the_data_set_gives_stands(labels) -> None:
    found, _ = read(
        labels,
        dm.Bbox(5, 5, 40, 40, label=1, group=3, attributes={"area": 700.5}),
        dm.Points(PLACES, [2, 1, 0], label=1, group=3, attributes={"area": 700.5}),
        dm.Bbox(50, 5, 20, 20, label=0, group=4, attributes={"area": 0}),
    )
    assert found.areas == pytest.approx([700.5, AREA_OF_BOX * 20 * 20])


def test_an_empty_image_is_legal(labels) -> None:
    found, _ = read(labels)
    assert found.keypoints.shape == (0, 3, 3)
    sample = KeypointReader().entity(tv_tensors.Image(torch.zeros(3, *SIZE)), ImageInfo(height=50, width=100), found)
    assert sample.keypoints.shape == (0, 3, 2)


@pytest.mark.parametrize(
    ("annotation", "expected", "told"),
    [
        (dm.Points(PLACES, [2, 2, 0], label=0), [10, 10, 20, 12], "box made from keypoints"),
        (dm.Points(PLACES, [0, 0, 0], label=0), None, "without a box and without"),
        (dm.Points(PLACES[:4], [2, 2], label=0), None, "not as many as are declared: 2, not 3"),
        (dm.Points([*PLACES[:4], 10, 60], [2, 2, 2], label=0), [10, 10, 20, 12], "keypoint outside of the image"),
        (dm.Points(PLACES, [2, 2, 2], label=7), None, "without a label"),
        (dm.Points(PLACES, [2, 2, 2], label=0, attributes={"is_crowd": True}), None, "crowd region left out"),
        (dm.Label(0), None, "ignored: label"),
    ],
)
def test_oddities_are_told(labels, annotation, expected, told) -> None:
    found, messages = read(labels, annotation)
    assert found.boxes.tolist() == ([] if expected is None else [expected])
    assert any(told in message for message in messages)


def test_a_box_from_an_outline(labels) -> None:
    found, _ = read(
        labels, dm.Polygon([5, 5, 25, 5, 25, 45], label=0, group=1), dm.Points(PLACES, [2, 2, 2], label=0, group=1)
    )
    assert found.boxes.tolist() == [[5, 5, 25, 45]]
    assert np.all(found.keypoints[..., 2] == 2)


def official(root: Path) -> Path:
    """Two files about the same images, as COCO has them: objects of three classes, and persons with keypoints."""
    image = {"id": 1, "file_name": "a.png", "width": 100, "height": 50}
    person = {"id": 1, "image_id": 1, "category_id": 2, "bbox": [5, 5, 40, 40], "area": 900, "iscrowd": 0}
    cat = person | {"id": 2, "category_id": 1, "bbox": [50, 5, 20, 20]}
    named = [{"id": index, "name": name} for index, name in enumerate(("cat", "person", "boat"), start=1)]
    skeleton = {"keypoints": ["nose", "left ear", "right ear"], "skeleton": [[1, 2]]}
    whole = person | {"keypoints": [10, 10, 2, 20, 12, 1, 30, 40, 2], "num_keypoints": 3}
    files = {"instances": ([person, cat], named), "person_keypoints": ([whole], [named[1] | skeleton])}
    for subset in ("train", "val"):
        (root / f"{subset}2017").mkdir(parents=True)
        Image.new("RGB", (100, 50)).save(root / f"{subset}2017/a.png")
        for name, (objects, classes) in files.items():
            file = root / f"annotations/{name}_{subset}2017.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps({"images": [image], "annotations": objects, "categories": classes}))
    return root


@pytest.mark.parametrize("known", [None, ("person",), ("dog", "person")])
def test_classes_without_keypoints_are_left_out_where_others_have_some(tmp_path: Path, known) -> None:
    labels = known and LabelInfo(known, keypoints=Skeleton(("nose", "left ear", "right ear"), ((0, 1),)))
    index = build_index(
        open_source(official(tmp_path)), KeypointReader(), on_bad_data="skip", seed=0, split_file=None, labels=labels
    )
    assert index.labels.names == (known or ("person",))
    assert index.labels.keypoints.names == ("nose", "left ear", "right ear")
    (item,) = index.subsets["train"]
    assert item.annotation.labels.tolist() == [index.labels.names.index("person")]
    assert item.annotation.keypoints[0].tolist() == [[10, 10, 2], [20, 12, 1], [30, 40, 2]]
    assert index.problems.counts()["class left out, it declares no keypoints"] == 2


def test_no_other_task_leaves_classes_out(tmp_path: Path) -> None:
    index = build_index(open_source(official(tmp_path)), DetectionReader(), on_bad_data="skip", seed=0, split_file=None)
    assert index.labels.names == ("boat", "cat", "person")
    assert index.class_counts["train"] == (0, 1, 1)
