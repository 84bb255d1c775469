"""Each format is recognised from its content and read into the same items."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datumaro import AnnotationType
from PIL import Image
from tests.generated import (
    LABELS,
    SORTED_LABELS,
    Picture,
    coco_document,
    paint,
    pictures,
    voc_xml,
    write_coco,
    write_csv,
    write_cvat,
    write_darknet,
    write_datumaro,
    write_image_folders,
    write_labelme,
    write_voc,
    write_yolo,
    yolo_text,
)

from otx.core.errors import UserError
from otx.data.source import DataSource, open_source

WRITERS: dict[str, Callable[[Path], object]] = {
    "coco": write_coco,
    "coco, one folder of images": lambda root: write_coco(root, images="{name}.jpg", annotations="{subset}.json"),
    "coco, images deep down": lambda root: write_coco(root, images="photos/2024/{subset}/a/{name}.jpg"),
    "coco, roboflow": lambda root: write_coco(
        root, images="{subset}/{name}.jpg", annotations="{subset}/_annotations.coco.json"
    ),
    "coco, odd names": lambda root: write_coco(root, annotations="labels_my-project_{subset}_2024-01-01.json"),
    "coco, split as in the paper": lambda root: write_coco(
        root, images="{subset}2017/{name}.jpg", annotations="annotations/instances_{subset}2017.json"
    ),
    "voc": write_voc,
    "voc, roboflow": lambda root: write_voc(
        root, lists=False, images="{subset}/{name}.jpg", annotations="{subset}/{name}.xml"
    ),
    "voc, folders per subset": lambda root: write_voc(
        root, lists=False, images="{subset}/images/{name}.jpg", annotations="{subset}/Annotations/{name}.xml"
    ),
    "voc, below VOCdevkit": lambda root: write_voc(root / "VOCdevkit" / "VOC2012"),
    "yolo": write_yolo,
    "yolo, roboflow": lambda root: write_yolo(root, images="{subset}/images"),
    "yolo, no empty files": lambda root: write_yolo(root, empty_files=False),
    "yolo, darknet": write_darknet,
    "datumaro": write_datumaro,
    "datumaro, one folder of images": lambda root: write_datumaro(root, images="images/{name}.png"),
    "labelme": write_labelme,
    "cvat": write_cvat,
}


def contents(source: DataSource) -> dict[str, list[tuple[str, list[tuple[str, ...]]]]]:
    """Subset -> per image its stem and its boxes as (label, corners)."""
    labels = label_list(source)
    return {
        subset: sorted(
            (
                Path(item.id).stem,
                sorted((labels[box.label], *(f"{value:.1f}" for value in box.points)) for box in item.annotations),
            )
            for item in items
        )
        for subset, items in source.subsets.items()
    }


def label_list(source: DataSource) -> list[str]:
    return [entry.name for category in source.categories.values() for entry in category]


def expected() -> dict[str, list[tuple[str, list[tuple[str, ...]]]]]:
    subsets: dict[str, list[tuple[str, list[tuple[str, ...]]]]] = {}
    for one in pictures():
        boxes = sorted((label, *(f"{value:.1f}" for value in corners)) for label, *corners in one.boxes)
        subsets.setdefault(one.subset, []).append((one.name, boxes))
    return subsets


@pytest.mark.parametrize("writer", WRITERS)
def test_every_layout_is_read_alike(tmp_path: Path, writer: str) -> None:
    WRITERS[writer](tmp_path)
    source = open_source(tmp_path)
    assert source.format == writer.split(",", maxsplit=1)[0]
    assert contents(source) == expected()
    assert tuple(label_list(source)) == SORTED_LABELS
    assert source.evidence.annotations == {"bbox": sum(len(one.boxes) for one in pictures())}
    assert source.evidence.unlabelled == 3
    assert list(source.problems) == []
    assert source.why[0].startswith(f"{source.format}: ")


def test_images_of_equal_names_belong_to_the_subset_of_their_folder(tmp_path: Path) -> None:
    same = [Picture("same", subset, boxes=((LABELS[0], 1, 1, 9, 9),)) for subset in ("train", "val", "test")]
    for number, writer in enumerate((write_coco, write_yolo)):
        root = tmp_path / str(number)
        writer(root, same)
        source = open_source(root)
        assert {subset: [Path(item.id).parts[1] for item in items] for subset, items in source.subsets.items()} == {
            subset: [subset] for subset in ("train", "val", "test")
        }


@pytest.mark.parametrize("subsets", [True, False])
def test_image_folders(tmp_path: Path, subsets: bool) -> None:
    made = [*pictures(), Picture("deep", "train", label="box/inner")]
    write_image_folders(tmp_path, made, subsets=subsets)
    source = open_source(tmp_path)
    assert source.format == "imagenet"
    assert label_list(source) == ["box", "box/inner", "Disc", "star"]
    assert [one.where for one in source.problems] == ["box/inner"]
    assert source.evidence.annotations == {"label": len(made)}
    assert source.evidence.max_image_labels == 1
    found = {
        Path(item.id).stem: (subset, label_list(source)[item.annotations[0].label])
        for subset, items in source.subsets.items()
        for item in items
    }
    assert found == {one.name: (one.subset if subsets else "unassigned", one.label) for one in made}


def test_images_that_differ_in_suffix_only_are_two(tmp_path: Path) -> None:
    for name in ("a/one.jpg", "a/one.png", "b/two.png"):
        paint(tmp_path / name, Picture("x", ""))
    assert open_source(tmp_path).evidence.items == 3


def test_folders_below_one_folder_and_foreign_subsets(tmp_path: Path) -> None:
    write_image_folders(tmp_path / "images")
    paint(tmp_path / "images" / "extra" / "box" / "more.png", Picture("more", ""))
    paint(tmp_path / "images" / "train" / "lost.png", Picture("lost", ""))
    source = open_source(tmp_path)
    assert sorted(source.subsets) == ["extra", "test", "train", "val"]
    assert source.problems.counts() == {"image outside the class folders": 1}


@pytest.mark.parametrize(
    "names",
    [
        ["train/images/1.png", "train/masks/1.png"],
        ["nut/good/1.png", "nut/bad/1.png", "nut/ground_truth/bad/1.png"],
        ["cars/1.png", "cars/2.png"],
        ["images/train/1.png", "images/val/1.png"],
        ["ch4_train_images/1.png", "ch4_test_images/2.png"],
        ["train/1.png", "train_labels/2.png", "val/3.png", "val_labels/4.png"],
    ],
)  # fmt: skip
def test_what_only_looks_like_class_folders_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        paint(tmp_path / name, Picture("x", ""))
    with pytest.raises(UserError, match="no known data format"):
        open_source(tmp_path)


def test_folders_of_classes_in_a_folder_of_images_of_each_subset(tmp_path: Path) -> None:
    for name in ("train/images/cat/1.png", "train/images/dog/2.png", "test/Images/cat/3.png"):
        paint(tmp_path / name, Picture("x", ""))
    source = open_source(tmp_path)
    assert {name: len(items) for name, items in source.subsets.items()} == {"train": 2, "test": 1}
    assert label_list(source) == ["cat", "dog"]


@pytest.mark.parametrize("names", [("steam_train", "bullet_train"), ("test tube", "flask")])
def test_classes_whose_names_hold_the_word_of_a_subset(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        paint(tmp_path / name / "1.png", Picture("x", ""))
    assert {*label_list(open_source(tmp_path))} == {*names}


def test_classes_may_be_named_like_subsets(tmp_path: Path) -> None:
    for name in ("train/1.png", "bus/2.png", "car/3.png"):
        paint(tmp_path / name, Picture("x", ""))
    assert label_list(open_source(tmp_path)) == ["bus", "car", "train"]


def test_polygons_count_beside_their_boxes(tmp_path: Path) -> None:
    write_coco(tmp_path, polygons=True)
    boxes = sum(len(one.boxes) for one in pictures())
    assert open_source(tmp_path).evidence.annotations == {"bbox": boxes, "polygon": boxes}


def spoil(root: Path, **changes: object) -> Path:
    """A COCO set of one file whose JSON is changed at the top level."""
    write_coco(root, annotations="annotations/all.json")
    path = root / "annotations" / "all.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | changes))
    return path


def test_coco_without_the_fields_that_datumaro_asks_for(tmp_path: Path) -> None:
    path = spoil(tmp_path)
    document = json.loads(path.read_text())
    for entry in document["annotations"]:
        for key in ("iscrowd", "segmentation", "area", "id"):
            del entry[key]
    for entry in document["images"]:
        del entry["height"], entry["width"]
    path.write_text(json.dumps(document))
    source = open_source(tmp_path)
    assert contents(source) == expected()
    assert list(source.problems) == []


def test_coco_oddities_are_mended_or_named(tmp_path: Path) -> None:
    path = spoil(tmp_path)
    document = json.loads(path.read_text())
    first = document["annotations"][0]
    document["categories"].append({"id": 99, "name": "box"})
    document["annotations"] += [
        first | {"id": 901, "category_id": 99},
        first | {"id": 902, "category_id": 5},
        first | {"id": 903, "image_id": 5},
        first | {"id": 904, "bbox": [1, 2, "x", 3]},
        first | {"id": 905, "segmentation": [[1, 2, 3, 4], [1, 1, 5, 1, 5, 5]]},
        "nonsense",
    ]
    document["images"].append({"id": 7, "file_name": "gone.jpg"})
    path.write_text(json.dumps(document))
    source = open_source(tmp_path)
    assert source.problems.counts() == {
        "class name given twice, merged": 1,
        "annotation of an unknown class": 1,
        "annotation of an image that is not listed": 1,
        "unreadable annotation": 2,
        "polygon of fewer than 3 points dropped": 1,
        "missing image": 1,
    }
    where = {problem.where for problem in source.problems}
    assert {f"annotations/all.json, annotation {number}" for number in (902, 903, 904, 905)} <= where
    assert label_list(source) == list(SORTED_LABELS)
    assert source.evidence.items == len(pictures()) + 1  # the missing image is evidence too
    assert source.evidence.count("bbox") == sum(len(one.boxes) for one in pictures()) + 2


def test_class_that_roboflow_adds_is_left_out(tmp_path: Path) -> None:
    document = coco_document(pictures())
    for entry in document["categories"]:
        entry["supercategory"] = "shapes"
    document["categories"].append({"id": 50, "name": "shapes", "supercategory": "none"})
    spoil(tmp_path, categories=document["categories"])
    source = open_source(tmp_path)
    assert label_list(source) == list(SORTED_LABELS)
    assert source.problems.counts() == {"unused parent class left out": 1}


def keypoint_document(names: list[str], subset: str) -> dict[str, object]:
    """One image with one object of three keypoints."""
    return {
        "images": [{"id": 1, "file_name": f"{subset}.png"}],
        "categories": [{"id": 4, "name": "hand", "skeleton": [[1, 2]]} | ({"keypoints": names} if names else {})],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 4, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0], "area": 9.5}
        ],
    }


def write_keypoints(root: Path, **names: list[str]) -> None:
    for subset, given in names.items():
        Image.new("RGB", (20, 20)).save(root / f"{subset}.png")
        (root / f"{subset}.json").write_text(json.dumps(keypoint_document(given, subset)))


def test_coco_keypoints_without_a_box(tmp_path: Path) -> None:
    write_keypoints(tmp_path, train=["wrist", "thumb", "palm"], val=["wrist", "thumb", "palm"])
    source = open_source(tmp_path)
    assert source.evidence.annotations == {"points": 2}
    assert source.categories[AnnotationType.points].items[0].labels == ["wrist", "thumb", "palm"]
    ((annotation,),) = (item.annotations for item in source.subsets["train"])
    assert annotation.points == [1, 2, 3, 4, 0, 0]
    assert [int(visible) for visible in annotation.visibility] == [2, 1, 0]
    assert annotation.attributes["area"] == 9.5


def test_coco_keypoints_without_names_are_numbered(tmp_path: Path) -> None:
    write_keypoints(tmp_path, train=[])
    source = open_source(tmp_path)
    assert source.categories[AnnotationType.points].items[0].labels == ["1", "2", "3"]
    assert source.problems.counts() == {"keypoints without names, numbered": 1}


def test_coco_keypoints_that_differ_between_files_are_refused(tmp_path: Path) -> None:
    write_keypoints(tmp_path, train=["wrist", "thumb", "palm"], val=["thumb", "wrist", "palm"])
    with pytest.raises(UserError, match="different keypoints for hand: wrist, thumb, palm and thumb, wrist, palm"):
        open_source(tmp_path)


def test_several_files_about_the_same_images(tmp_path: Path) -> None:
    write_coco(tmp_path)
    captions = coco_document([])
    captions["images"] = coco_document(pictures())["images"]
    captions["annotations"] = [{"id": 1, "image_id": 100, "caption": "a star"}]
    (tmp_path / "annotations" / "captions_train.json").write_text(json.dumps(captions))
    twin = (tmp_path / "annotations" / "instances_train.json").read_text()
    (tmp_path / "annotations" / "old_train.json").write_text(twin)
    source = open_source(tmp_path)
    assert contents(source) == expected()
    assert "has no boxes" in source.why[0]
    assert "left out, it is about the same images" in source.why[0]


def test_broken_json_is_named_with_its_line(tmp_path: Path) -> None:
    write_coco(tmp_path)
    path = tmp_path / "annotations" / "instances_val.json"
    lines = path.read_text().splitlines()
    lines[5] = lines[5] + " oops"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"instances_val\.json:[67]: broken JSON"):
        open_source(tmp_path)


def test_categories_without_names(tmp_path: Path) -> None:
    spoil(tmp_path, categories=[{"id": 1}])
    with pytest.raises(UserError, match="expected an 'id' and a 'name'"):
        open_source(tmp_path)


def test_voc_that_counts_from_0(tmp_path: Path) -> None:
    made = [Picture(f"p{number}", "train", boxes=(("box", number, number, 20, 20),)) for number in range(3)]
    write_voc(tmp_path, made)
    for one in made:
        (tmp_path / "Annotations" / f"{one.name}.xml").write_text(voc_xml(one, first_pixel=0))
    source = open_source(tmp_path)
    assert [box.points for item in source.subsets["train"] for box in item.annotations] == [
        [number, number, 20, 20] for number in range(3)
    ]


def test_voc_oddities(tmp_path: Path) -> None:
    write_voc(tmp_path)
    (tmp_path / "Annotations" / "train_000.xml").write_text("<annotation>\n<object>\n</annotation>")
    paint(tmp_path / "JPEGImages" / "plain.jpg", Picture("plain", ""))
    with (tmp_path / "ImageSets" / "Main" / "val.txt").open("a") as stream:
        stream.write("# a comment\nplain\ngone\ntrain_001\n")
    source = open_source(tmp_path)
    assert [(one.kind, one.where) for one in source.problems] == [
        ("missing image", "ImageSets/Main/val.txt:6"),
        ("image in two subsets", "ImageSets/Main/val.txt:7"),
        ("unreadable annotation", "Annotations/train_000.xml"),
    ]
    names = {Path(item.id).stem: len(item.annotations) for items in source.subsets.values() for item in items}
    assert names["plain"] == 0
    assert "train_000" not in names


def test_voc_of_two_years_is_one_data_set(tmp_path: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        write_voc(tmp_path / year)
    # In 2012 it is left out, because train and val are there.
    (tmp_path / "VOC2012" / "ImageSets" / "Main" / "trainval.txt").write_text("val_000\n")
    main = tmp_path / "VOC2007" / "ImageSets" / "Main"
    (main / "trainval.txt").write_text((main / "train.txt").read_text())
    (main / "train.txt").unlink()
    source = open_source(tmp_path)
    assert contents(source) == {subset: sorted(2 * found) for subset, found in expected().items()}
    assert list(source.problems) == []


@pytest.mark.parametrize("name", ["", "/home/somebody/photo.jpg", "../images/photo.jpg", "C:\\photo.jpg"])
def test_voc_images_are_those_of_the_name_whatever_the_file_calls_them(tmp_path: Path, name: str) -> None:
    written = write_voc(tmp_path, annotations="Annotations/{name}.XML")
    for picture in written.pictures:
        path = tmp_path / "Annotations" / f"{picture.name}.XML"
        path.write_text(path.read_text().replace(f"{picture.name}.jpg", name))
    source = open_source(tmp_path)
    assert contents(source) == expected()
    assert list(source.problems) == []


def test_voc_image_without_a_file(tmp_path: Path) -> None:
    written = write_voc(tmp_path, lists=False)
    written.images["train_000"].unlink()
    source = open_source(tmp_path)
    assert [(one.kind, one.where, one.bad) for one in source.problems] == [
        ("missing image", "Annotations/train_000.xml", True)
    ]
    assert sorted(source.subsets) == ["unassigned"]


def test_yolo_without_names(tmp_path: Path) -> None:
    write_yolo(tmp_path, yaml=False)
    source = open_source(tmp_path)
    assert label_list(source) == ["class_0", "class_1", "class_2"]
    assert source.problems.counts() == {"class names are missing": 1}
    assert {name: len(items) for name, items in source.subsets.items()} == {"train": 8, "val": 3, "test": 4}
    (tmp_path / "classes.txt").write_text("\n".join(LABELS))
    assert contents(open_source(tmp_path)) == expected()


def test_yolo_paths_of_another_machine_and_names_with_gaps(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "my.yml").write_text(
        "path: /home/somebody/data\ntrain: ../images/train\nval: [images/val]\ntest: images/other\n"
        "names: {0: star, 1: box, 2: Disc, 5: box}\n"
    )
    source = open_source(tmp_path)
    assert {name: len(items) for name, items in source.subsets.items()} == {"train": 8, "val": 3}
    assert label_list(source) == ["box", "class_3", "class_4", "Disc", "star"]
    assert source.problems.counts() == {
        "folder of a subset is missing": 1,
        "class name given twice, merged": 1,
    }


def test_yolo_bad_lines_are_named(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "labels" / "train" / "train_003.txt").write_text("0 0.5 0.5 0.1\n")
    (tmp_path / "labels" / "train" / "train_004.txt").write_text("9 0.5 0.5 0.1 0.1\n")
    (tmp_path / "images" / "train" / "train_005.jpg").write_bytes(b"no image")
    source = open_source(tmp_path)
    assert {(one.kind, Path(one.where).name, one.bad) for one in source.problems} == {
        ("unreadable annotation", "train_003.txt", True),
        ("unreadable annotation", "train_004.txt", True),
        ("broken image", "train_005.txt", True),
    }


def test_yolo_boxes_follow_the_orientation_that_is_shown(tmp_path: Path) -> None:
    picture = Picture("turned", "train", height=60, width=40, boxes=(("box", 10, 20, 30, 50),))
    path = tmp_path / "images" / "train" / "turned.jpg"
    path.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path, exif=exif)
    (tmp_path / "labels" / "train").mkdir(parents=True)
    (tmp_path / "labels" / "train" / "turned.txt").write_text(yolo_text(picture))
    (box,) = open_source(tmp_path).subsets["train"][0].annotations
    assert np.allclose(box.points, (10, 20, 30, 50), atol=0.02)


def test_darknet_oddities(tmp_path: Path) -> None:
    write_darknet(tmp_path)
    with (tmp_path / "train.txt").open("a") as stream:
        stream.write("data/obj_train_data/gone.jpg\n")
    (tmp_path / "test.txt").unlink()
    (tmp_path / "obj.names").unlink()
    source = open_source(tmp_path)
    assert source.problems.counts() == {"list is missing": 2, "missing image": 1, "class names are missing": 1}


def test_yaml_with_names_of_something_else(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "a.yaml").write_text("names: {box: 0}\n")
    source = open_source(tmp_path)
    assert contents(source) == expected()
    assert source.problems.counts() == {"YAML whose names are not by number left out": 1}


def test_broken_yaml(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [a, b\n")
    with pytest.raises(UserError, match=r"broken YAML in .*data\.yaml"):
        open_source(tmp_path)


TAGGED = [
    Picture("a", "train", label="box,star"),
    Picture("b", "train", label=""),
    Picture("c", "val", label="Disc"),
]


def tags(source: DataSource) -> dict[str, list[str]]:
    """Stem of an image -> its whole-image labels."""
    labels = label_list(source)
    return {
        Path(item.id).stem: sorted(labels[one.label] for one in item.annotations)
        for items in source.subsets.values()
        for item in items
    }


@pytest.mark.parametrize(("write", "form"), [(write_datumaro, "datumaro"), (write_csv, "csv")])
def test_several_labels_per_image(tmp_path: Path, write: Callable[..., object], form: str) -> None:
    write(tmp_path, TAGGED)
    source = open_source(tmp_path)
    assert source.format == form
    assert tags(source) == {"a": ["box", "star"], "b": [], "c": ["Disc"]}
    assert (source.evidence.unlabelled, source.evidence.max_image_labels) == (1, 2)
    assert {name: len(items) for name, items in source.subsets.items()} == {"train": 2, "val": 1}
    assert list(source.problems) == []


def test_groups_and_parents_of_all_files_are_put_together(tmp_path: Path) -> None:
    write_datumaro(tmp_path, TAGGED, parents={"box": "star", "Disc": "gone"}, groups=[["star"], ["box", "Disc"]])
    path = tmp_path / "annotations" / "val.json"
    document = json.loads(path.read_text())
    document["categories"]["label"] = {
        "labels": [{"name": "box", "parent": "Disc"}, {"name": "Disc"}, {"name": "Disc"}],
        "label_groups": [{"name": "group 1", "group_type": "exclusive", "labels": ["Disc", "ring"]}],
    }
    path.write_text(json.dumps(document))
    source = open_source(tmp_path)
    categories = source.categories[AnnotationType.label]
    assert [(entry.name, entry.parent) for entry in categories] == [("box", "star"), ("Disc", ""), ("star", "")]
    assert [group.labels for group in categories.label_groups] == [["star"], ["box", "Disc"]]
    assert tags(source)["c"] == ["Disc"]
    assert (source.evidence.label_groups, source.evidence.parents) == ((2, 1), 1)
    assert source.problems.counts() == {
        "class name given twice, merged": 1,
        "class with two parents": 1,
        "parent class is not declared": 1,
    }


def test_kinds_of_annotation_of_datumaro(tmp_path: Path) -> None:
    write_datumaro(tmp_path, TAGGED[:1])
    path = tmp_path / "annotations" / "train.json"
    document = json.loads(path.read_text())
    shapes = [
        {"type": "polygon", "points": [1, 1, 9, 1, 9, 9]},
        {"type": "points", "points": [1, 1, 9, 9], "visibility": [2, 1]},
        {"type": "mask", "rle": {"counts": "0420", "size": [4, 2]}},
        {"type": "rotated_bbox", "points": [20, 20, 10, 6, 30]},
        {"type": "bbox", "bbox": [1, 2, 3, 4], "label_id": None},
        {"type": "bbox", "bbox": [1, 2, 3]},
        {"type": "rotated_bbox", "points": [20, 20]},
        {"type": "bbox", "bbox": [1, 2, 3, 4], "label_id": 9},
        {"type": "thought"},
        "nonsense",
    ]
    document["items"][0]["annotations"] = [
        {"id": 1, "group": 0, "attributes": {}, "label_id": 1} | shape if isinstance(shape, dict) else shape
        for shape in shapes
    ]
    document["items"].append(document["items"][0])
    path.write_text(json.dumps(document))
    source = open_source(tmp_path)
    (item,) = source.subsets["train"]
    kinds = ["polygon", "points", "mask", "rotated_bbox", "bbox"]
    assert [one.type.name for one in item.annotations] == kinds
    assert source.evidence.annotations == dict.fromkeys(sorted(kinds), 1)
    assert [one.label for one in item.annotations] == [0, 0, 0, 0, None]
    assert item.annotations[3].get_rotated_bbox() == [20, 20, 10, 6, 30]
    assert source.problems.counts() == {
        "unreadable annotation": 4,
        "annotation of an unknown class": 1,
        "image id given twice": 1,
    }
    places = {one.where for one in source.problems if one.bad}
    assert places == {f"annotations/train.json, image a, annotation {number}" for number in range(6, 11)}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([{"parent": ""}], "expected a 'name' in each of the labels of annotations/train.json"),
        ([{"name": "a"}], "cannot read the categories of annotations/train.json"),
    ],
)
def test_categories_of_datumaro_that_cannot_be_understood(tmp_path: Path, labels: list[object], message: str) -> None:
    write_datumaro(tmp_path, TAGGED[:1])
    path = tmp_path / "annotations" / "train.json"
    document = json.loads(path.read_text())
    groups = [{"name": "x", "group_type": "odd", "labels": ["a"]}]
    document["categories"]["label"] = {"labels": labels, "label_groups": groups}
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=message):
        open_source(tmp_path)


def test_csv_oddities(tmp_path: Path) -> None:
    write_csv(tmp_path, TAGGED, labels=("star", "box", "Disc"))
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with (tmp_path / "labels_train.csv").open("a") as stream:
        stream.write("\nimages/train/gone.png,0,0,1\nimages/train/a.png,0,2,1\nimages/train/a.png,1\n")
    source = open_source(tmp_path)
    assert [(one.kind, one.where, one.bad) for one in source.problems] == [
        ("missing image", "labels_train.csv:5", True),
        ("unreadable annotation", "labels_train.csv:6", True),
        ("unreadable annotation", "labels_train.csv:7", True),
    ]
    assert source.evidence.items == 4


def test_json_and_csv_of_a_real_set_are_one(shared_data: Callable[[str], Path]) -> None:
    root = shared_data("mlc_cards")
    forms = {form: open_source(root, form) for form in ("datumaro", "csv")}
    assert tags(forms["datumaro"]) == tags(forms["csv"])
    assert len(tags(forms["csv"])) == 155


SHARED = {
    "det_bccd": (("Platelets", "RBC", "WBC"), {"train": (110, 1582), "val": (25, 337), "test": (25, 307)}),
    "det_cards": (
        ("ace", "jack", "king", "nine", "queen", "ten"),
        {"train": (95, 166), "val": (20, 37), "test": (40, 83)},
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_three_forms_of_a_real_set_are_one(shared_data: Callable[[str], Path], name: str) -> None:
    labels, counts = SHARED[name]
    forms = {form: open_source(shared_data(name) / form) for form in ("coco", "voc", "yolo")}
    boxes = {}
    for form, source in forms.items():
        assert source.format == form
        assert tuple(label_list(source)) == labels
        assert list(source.problems) == []
        assert {
            subset: (len(items), sum(len(item.annotations) for item in items))
            for subset, items in source.subsets.items()
        } == counts
        boxes[form] = np.array(
            [box.points for items in source.subsets.values() for item in items for box in item.annotations]
        )
    assert forms["coco"].evidence.annotations == forms["voc"].evidence.annotations == forms["yolo"].evidence.annotations
    # VOC's boxes are the whole pixels that a box touches, so they are a little larger about the same centre.
    growth = boxes["voc"].mean(0) - boxes["coco"].mean(0)
    assert np.allclose(growth, (-0.5, -0.5, 0.5, 0.5), atol=0.1)
    assert np.allclose(boxes["coco"].mean(0), boxes["yolo"].mean(0), atol=0.01)


@pytest.mark.parametrize(
    ("name", "form", "labels", "items"),
    [
        ("cls_cifar10", "imagenet", 10, 2750),
        ("cls_grocery10", "imagenet", 10, 420),
        ("otx_test_assets/classification_dataset", "imagenet", 2, 75),
        ("otx_test_assets/yolo_dataset", "yolo", 10, 1),
        ("otx_test_assets/voc_dataset/voc_dataset1", "voc", 2, 2),
        ("otx_test_assets/car_tree_bug", "coco", 3, 10),
        ("otx_test_assets/datumaro_h-label", "datumaro", 8, 24),
        ("otx_test_assets/datumaro_multilabel", "datumaro", 3, 24),
        ("otx_test_assets/hlabel_classification", "datumaro", 6, 16),
        ("otx_test_assets/multilabel_classification", "datumaro", 2, 21),
        ("hcls_grocery", "datumaro", 24, 342),
        ("mlc_cards", "datumaro", 6, 155),
    ],
)
def test_real_sets(shared_data: Callable[[str], Path], name: str, form: str, labels: int, items: int) -> None:
    source = open_source(shared_data(name))
    assert (source.format, len(label_list(source)), source.evidence.items) == (form, labels, items)
    assert list(source.problems) == []
