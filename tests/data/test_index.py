"""What a task gets of a data set: sizes, annotations, subsets, and what was left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.generated import (
    SORTED_LABELS,
    Picture,
    pictures,
    write_coco,
    write_darknet,
    write_image_folders,
    write_voc,
    write_yolo,
)

from otx.core.errors import UserError
from otx.data.index import DataIndex, build_index
from otx.data.source import open_source
from otx.tasks.detection.reader import DetectionReader
from otx.tasks.multi_class_classification.reader import MultiClassClsReader


def detection(root: Path, **options: Any) -> DataIndex:
    settings: dict[str, Any] = {"on_bad_data": "error", "seed": 0, "split_file": None} | options
    return build_index(open_source(root), DetectionReader(), **settings)


def classification(root: Path, **options: Any) -> DataIndex:
    settings: dict[str, Any] = {"on_bad_data": "error", "seed": 0, "split_file": None} | options
    return build_index(open_source(root), MultiClassClsReader(), **settings)


def sizes(index: DataIndex) -> dict[str, int]:
    return {name: len(items) for name, items in index.subsets.items()}


@pytest.mark.parametrize("writer", [write_coco, write_voc, write_yolo, write_darknet])
def test_all_formats_give_the_same_index(tmp_path: Path, writer: Any) -> None:
    writer(tmp_path)
    index = detection(tmp_path)
    assert index.labels.names == SORTED_LABELS
    assert sizes(index) == {"train": 8, "val": 3, "test": 4}
    assert index.split_origin == "as in the data"
    assert list(index.problems) == []
    wanted = {one.name: one for one in pictures()}
    for subset, items in index.subsets.items():
        assert [item.path for item in items] == sorted(item.path for item in items)
        for item in items:
            picture = wanted[item.path.stem]
            assert (picture.subset, picture.height, picture.width) == (subset, item.height, item.width)
            found = sorted(
                (SORTED_LABELS[label], *box.round(2))
                for box, label in zip(item.annotation.boxes.tolist(), item.annotation.labels, strict=True)
                for box in [np.array(box)]
            )
            assert found == sorted((label, *map(float, corners)) for label, *corners in picture.boxes)
    counts = index.class_counts["train"]
    assert sum(counts) == sum(len(one.boxes) for one in pictures() if one.subset == "train")
    assert index.why_not_trainable() == ""


def test_missing_subsets_are_split_off_and_found_again(tmp_path: Path) -> None:
    write_image_folders(tmp_path / "data", pictures({"any": 30}), subsets=False)
    split_file = tmp_path / "work" / "split.json"
    index = classification(tmp_path / "data", split_file=split_file)
    assert sizes(index) == {"train": 22, "val": 4, "test": 4}
    assert "taken from all images" in index.split_origin
    assert str(split_file) in index.split_origin
    assert all(index.class_counts["train"])
    document = json.loads(split_file.read_text())
    again = classification(tmp_path / "data", split_file=split_file, seed=7)
    assert again.subsets == index.subsets
    assert "read from" in again.split_origin
    assert document["seed"] == 0
    assert classification(tmp_path / "data", seed=0).subsets == index.subsets
    assert classification(tmp_path / "data", seed=1).subsets != index.subsets


def test_given_subsets_stay_as_they_are(tmp_path: Path) -> None:
    write_coco(tmp_path, pictures({"train": 20, "val": 5}))
    index = detection(tmp_path)
    assert sizes(index) == {"train": 17, "val": 5, "test": 3}
    assert index.split_origin == "test taken from train (stratified, seed 0)"
    assert all(item.path.stem.startswith("val") for item in index.subsets["val"])


def test_only_a_test_subset_can_be_tested_on(tmp_path: Path) -> None:
    write_coco(tmp_path, pictures({"test": 5}))
    index = detection(tmp_path)
    assert sizes(index) == {"train": 0, "val": 0, "test": 5}
    assert "no training images (5 for test)" in index.why_not_trainable()


@pytest.mark.parametrize("count", range(1, 11))
def test_tiny_sets(tmp_path: Path, count: int) -> None:
    write_coco(tmp_path, pictures({"all": count}), annotations="boxes.json", images="{name}.jpg")
    index = detection(tmp_path)
    assert sum(sizes(index).values()) == count
    assert bool(index.why_not_trainable()) == (count == 1)


def test_a_subset_that_otx_does_not_use(tmp_path: Path) -> None:
    write_image_folders(tmp_path, pictures({"train": 9, "val": 3, "test": 3, "extra": 3}))
    index = classification(tmp_path)
    assert sizes(index) == {"train": 9, "val": 3, "test": 3}
    assert [(one.kind, one.where) for one in index.problems] == [("subset not used", "extra")]


def test_classes_that_are_tested_and_not_trained_are_named(tmp_path: Path) -> None:
    tested = [Picture("a", "test", label="box"), Picture("b", "test", label="new")]
    write_image_folders(tmp_path, [*pictures({"train": 6, "val": 3}), *tested])
    index = classification(tmp_path)
    assert [(one.kind, one.where, one.message, one.bad) for one in index.problems] == [
        ("class without training images", "new", "1 for test", False)
    ]


def test_no_objects_at_all(tmp_path: Path) -> None:
    write_coco(tmp_path, [Picture(f"{number}", "train") for number in range(5)])
    index = detection(tmp_path)
    assert index.why_not_trainable() == "none of the 3 training images has an object or label"


def test_no_classes_at_all(tmp_path: Path) -> None:
    write_coco(tmp_path, [Picture("a", "train")], labels=())
    with pytest.raises(UserError, match=f"{tmp_path}.*at least one label"):
        detection(tmp_path)


def test_unreadable_annotations_count_before_missing_classes(tmp_path: Path) -> None:
    written = write_voc(tmp_path, [Picture("a", "train"), Picture("b", "val")])
    for picture in written.pictures:
        (tmp_path / "Annotations" / f"{picture.name}.xml").write_text("<annotation><object/></annotation>")
    with pytest.raises(UserError, match=r"2 images or annotations .*\n.*a\.xml: unreadable annotation"):
        detection(tmp_path)


def test_boxes_are_clipped_and_dropped_with_the_file_named(tmp_path: Path) -> None:
    made = [
        Picture("out", "train", boxes=(("box", 50, 30, 70, 45), ("star", 5, 5, 9, 9))),
        Picture("empty", "train", boxes=(("box", 5, 5, 5, 9),)),
        *pictures({"val": 2, "test": 2}),
    ]
    write_coco(tmp_path, made)
    index = detection(tmp_path)
    assert [(one.kind, one.where, one.bad) for one in index.problems] == [
        ("box clipped to the image", "images/train/out.jpg", False),
        ("empty box dropped", "images/train/empty.jpg", False),
        ("class without training images", "Disc", False),
    ]
    assert {item.path.stem: len(item.annotation.boxes) for item in index.subsets["train"]} == {"empty": 0, "out": 2}


def test_broken_images_stop_or_are_left_out(tmp_path: Path) -> None:
    written = write_coco(tmp_path)
    for number in range(7):
        written.images[f"train_00{number}"].write_bytes(b"" if number % 2 else b"\xff\xd8\xff rubbish")
    written.images["val_000"].unlink()
    with pytest.raises(UserError, match="8 images or annotations") as caught:
        detection(tmp_path)
    message = str(caught.value)
    assert "annotations/instances_val.json, image 100: missing image" in message
    assert "images/train/train_000.jpg: broken image" in message
    assert "and 3 more" in message
    assert "--on_bad_data skip" in message
    index = detection(tmp_path, on_bad_data="skip")
    assert sizes(index) == {"train": 1, "val": 2, "test": 4}
    assert index.problems.counts() == {"broken image": 7, "missing image": 1, "class without training images": 3}


def test_no_image_is_there(tmp_path: Path) -> None:
    written = write_coco(tmp_path)
    for path in written.images.values():
        path.unlink()
    index = detection(tmp_path, on_bad_data="skip")
    assert index.why_not_trainable() == "there are no training images (15 x missing image)"


def test_size_is_that_of_the_image_as_shown(tmp_path: Path) -> None:
    written = write_coco(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((60, 40, 3), np.uint8)).save(written.images["train_000"], exif=exif)
    Image.fromarray(np.zeros((33, 44, 3), np.uint8)).save(written.images["train_001"])
    index = detection(tmp_path)
    by_name = {item.path.stem: (item.height, item.width) for item in index.subsets["train"]}
    assert by_name["train_000"] == (40, 60)
    assert by_name["train_001"] == (33, 44)
    differing = [one for one in index.problems if one.kind.startswith("size differs")]
    assert [(one.where, one.message) for one in differing] == [
        ("images/train/train_001.jpg", "60x40 in the annotation file, 44x33 in the image")
    ]


def test_one_image_in_two_subsets_is_reported(tmp_path: Path) -> None:
    write_coco(tmp_path, images="images/{name}.jpg")
    train, val = (tmp_path / "annotations" / f"instances_{name}.json" for name in ("train", "val"))
    document = json.loads(train.read_text())
    document["images"].append({"id": 1, "file_name": "val_000.jpg"})
    train.write_text(json.dumps(document))
    assert val.exists()
    assert detection(tmp_path).problems.counts() == {"image in two subsets": 1}
