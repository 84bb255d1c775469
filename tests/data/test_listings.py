"""Annotation files that list the same images, or that leave it to other things which subset an image belongs to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from datumaro import AnnotationType
from tests.generated import SORTED_LABELS, Picture, coco_document, datumaro_document, paint, pictures, write_coco

from otx.data.source import DataSource, open_source
from otx.tasks import task_spec

COUNTS = {"train": 8, "val": 3, "test": 4}


def counts(source: DataSource) -> dict[str, int]:
    assert all(len({item.id for item in items}) == len(items) for items in source.subsets.values())
    return {name: len(items) for name, items in source.subsets.items()}


def write_json(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_a_file_about_all_images_beside_those_of_the_subsets(tmp_path: Path) -> None:
    write_coco(tmp_path, images="images/{name}.jpg")
    write_json(tmp_path / "annotations" / "instances_all.json", coco_document(pictures()))
    source = open_source(tmp_path)
    assert counts(source) == COUNTS
    assert source.evidence.count("bbox") == sum(len(one.boxes) for one in pictures())
    assert source.problems.counts() == {"image of a subset left out where it is listed without one": 15}


def test_folders_say_the_subset_where_one_file_lists_all(tmp_path: Path) -> None:
    for one in pictures():
        for root, kind in (("coco", "jpg"), ("csv", "png"), ("datumaro", "png")):
            paint(tmp_path / root / one.subset / f"{one.name}.{kind}", one)
    write_json(tmp_path / "coco" / "annotations.json", coco_document(pictures()))
    write_json(tmp_path / "datumaro" / "annotations.json", datumaro_document(pictures()))
    rows = [f"{one.subset}/{one.name}.png,{one.label}" for one in pictures()]
    (tmp_path / "csv" / "labels.csv").write_text("\n".join(["file,label", *rows, ""]))
    for root in ("coco", "csv", "datumaro"):
        source = open_source(tmp_path / root)
        assert (source.format, counts(source), list(source.problems)) == (root, COUNTS, [])


def test_files_that_share_some_images_give_each_image_once(tmp_path: Path) -> None:
    made = pictures({"train": 8}, negatives=False)
    for one in made:
        paint(tmp_path / "images" / f"{one.name}.jpg", one)
    write_json(tmp_path / "first_train.json", coco_document(made[:4]))
    more = [replace(one, boxes=(*one.boxes, ("box", 40, 30, 50, 38))) for one in made[3:]]
    write_json(tmp_path / "more_train.json", coco_document(more))
    source = open_source(tmp_path)
    assert counts(source) == {"train": 8}
    assert source.problems.counts() == {"image listed twice, put together": 1}
    (shared,) = (item for item in source.subsets["train"] if made[3].name in item.id)
    assert len(shared.annotations) == len({one.group for one in shared.annotations}) == len(made[3].boxes) + 1


def coco_of(label: str, **more: object) -> dict[str, Any]:
    """The objects of one class on all pictures."""
    document = coco_document(pictures({"train": 6}, negatives=False))
    (category,) = document["categories"] = [one for one in document["categories"] if one["name"] == label]
    document["annotations"] = [one | more for one in document["annotations"] if one["category_id"] == category["id"]]
    return document


def paint_all(root: Path) -> list[Picture]:
    made = pictures({"train": 6}, negatives=False)
    for one in made:
        paint(root / "train" / f"{one.name}.jpg", one)
    return made


def test_a_file_for_each_class(tmp_path: Path) -> None:
    made = paint_all(tmp_path)
    for label in SORTED_LABELS:
        write_json(tmp_path / f"{label}.json", coco_of(label))
    source = open_source(tmp_path)
    assert counts(source) == {"train": 6}
    assert source.evidence.annotations == {"bbox": sum(len(one.boxes) for one in made)}
    assert [entry.name for entry in source.categories[AnnotationType.label]] == [*SORTED_LABELS]
    assert source.problems.counts() == {"image listed twice, put together": 12}


def test_keypoints_in_a_file_beside_that_of_all_objects(tmp_path: Path) -> None:
    made = paint_all(tmp_path)
    boxes = sum(len(one.boxes) for one in made)
    write_json(tmp_path / "annotations" / "instances_train2017.json", coco_document(made, polygons=True))
    stars = coco_of("star", keypoints=[9, 9, 2], area=7, segmentation=[])
    stars["categories"][0]["keypoints"] = ["tip"]
    write_json(tmp_path / "annotations" / "person_keypoints_train2017.json", stars)
    walls = coco_document(made)
    walls["categories"] = [one | {"name": f"wall {one['name']}"} for one in walls["categories"]]
    write_json(tmp_path / "annotations" / "stuff_train2017.json", walls)
    source = open_source(tmp_path)
    count = len(stars["annotations"])
    assert source.evidence.annotations == {"bbox": boxes, "points": count, "polygon": boxes}
    groups = [(item.id, one.group) for item in source.subsets["train"] for one in item.annotations]
    assert len({*groups}) == boxes
    claims = {task: task_spec(task).claim(source.evidence) for task in ("KEYPOINT_DETECTION", "INSTANCE_SEGMENTATION")}
    assert claims["INSTANCE_SEGMENTATION"].fit > claims["KEYPOINT_DETECTION"].fit
    reader = task_spec("KEYPOINT_DETECTION").load("reader")()
    labels = reader.label_info(source.categories)
    found = [reader.annotation(item, labels, (40, 60), print) for item in source.subsets["train"]]
    assert sum(int(one.keypoints.any(axis=(1, 2)).sum()) for one in found) == count
    assert sum(int((one.areas == 7).sum()) for one in found) == count
