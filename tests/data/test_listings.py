"""Annotation files that list the same images, or that leave it to other things which subset an image belongs to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.generated import coco_document, datumaro_document, paint, pictures, write_coco

from otx.data.source import DataSource, open_source

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
