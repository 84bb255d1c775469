"""How a data root is opened: which reading wins, what is said when none fits, and the order of labels."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datumaro import AnnotationType
from PIL import Image
from tests.generated import (
    Picture,
    paint,
    pictures,
    write_coco,
    write_csv,
    write_image_folders,
    write_voc,
    write_yolo,
)

from otx.core.errors import UserError
from otx.core.label_info import LabelInfo
from otx.data.source import FORMATS, label_order, open_source
from otx.data.subset_names import subset_name, subset_of_folder, subset_of_path
from otx.tasks import task_spec


def test_annotations_win_over_folder_names(tmp_path: Path) -> None:
    write_coco(tmp_path, images="{subset}/{name}.jpg")
    for picture in pictures():
        paint(tmp_path / "other" / f"{picture.name}.jpg", picture)
    source = open_source(tmp_path)
    assert source.format == "coco"
    assert len(source.why) == len(FORMATS)


def test_a_second_reading_is_named_and_can_be_asked_for(tmp_path: Path) -> None:
    written = write_coco(tmp_path, images="images/{name}.jpg")
    write_voc(tmp_path, images="images/{name}.jpg")
    source = open_source(tmp_path)
    assert source.format == "coco"
    assert any("--data_format voc takes it instead" in line for line in source.why)
    other = open_source(tmp_path, "voc")
    assert other.format == "voc"
    assert other.why[0].startswith("voc: asked for")
    assert other.evidence.items == len(written.pictures)


def open_for(root: Path, task: str) -> str:
    return open_source(root, None, task_spec(task).formats).format


def test_the_task_that_is_named_hides_no_format_that_carries_it(tmp_path: Path) -> None:
    for one in pictures():
        paint(tmp_path / "kaggle" / f"{one.subset}_images" / f"{one.name}.jpg", one)
    rows = [f"{one.name}.jpg,{one.label}" for one in pictures() if one.subset == "train"]
    (tmp_path / "kaggle" / "train.csv").write_text("\n".join(["image_id,label", *rows, ""]))
    assert open_for(tmp_path / "kaggle", "MULTI_CLASS_CLS") == "csv"
    write_yolo(tmp_path / "turned", yaml=False)
    for path in (tmp_path / "turned" / "labels").rglob("*.txt"):
        path.write_text("0 0.5 0.25 0.83 0.5 0.75 0.75 0.41 0.5\n")
    assert open_for(tmp_path / "turned", "ROTATED_DETECTION") == "yolo"


def test_of_formats_that_explain_as_much_the_one_that_suits_the_task_wins(tmp_path: Path) -> None:
    for path in write_yolo(tmp_path, pictures(negatives=False)).images.values():
        mask = tmp_path / "masks" / path.parent.name / f"{path.stem}.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(40, 60, dtype=np.uint8)).save(mask)
    assert open_source(tmp_path).format == "yolo"
    assert open_for(tmp_path, "SEMANTIC_SEGMENTATION") == "mask_folders"


def test_the_reading_that_explains_more_wins(tmp_path: Path) -> None:
    write_coco(tmp_path, pictures()[:3], images="images/{name}.jpg")
    write_voc(tmp_path, images="images/{name}.jpg")
    assert open_source(tmp_path).format == "voc"


def test_class_folders_lose_to_annotations_about_them(tmp_path: Path) -> None:
    write_image_folders(tmp_path, subsets=False)
    write_coco(tmp_path, images="{name}.jpg", annotations="all.json")
    source = open_source(tmp_path)
    assert source.format == "coco"
    assert any(line.startswith("imagenet: possible too") for line in source.why)
    assert open_source(tmp_path, "imagenet").evidence.count("label")


def test_several_data_sets_in_one_root(tmp_path: Path) -> None:
    write_coco(tmp_path / "one")
    write_yolo(tmp_path / "two")
    with pytest.raises(UserError, match=f"several data sets(.|\n)*--data_root {tmp_path}/one(.|\n)*{tmp_path}/two"):
        open_source(tmp_path)


def test_unknown_format_says_what_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    for number in range(3):
        paint(tmp_path / f"{number}.jpg", Picture("x", ""))
    with pytest.raises(UserError) as caught:
        open_source(tmp_path)
    message = str(caught.value)
    for part in ("coco:", "voc:", "yolo:", "imagenet:", "./  3 .jpg", f"mkdir {tmp_path}/CLASS"):
        assert part in message


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        ([], "nothing"),
        (["a/b/c.txt"], "There are no images below it"),
        (["cat/1.HEIC", "dog/2.heic"], "Pictures like cat/1.HEIC are not read. Convert them to JPEG or PNG"),
        (["pictures/1.jpg", "pictures/2.jpg"], "Nearest: yolo"),
        (["pictures/1.jpg", "notes.json"], "Nearest: coco"),
        (["1.jpg", "1.json"], "Nearest: coco. Ask the tool that wrote 1.json"),
        (["train/1.jpg", "list.csv"], "Nearest: csv. Give .*/list.csv a row per image with the columns image,label"),
        (["pictures/1.jpg", "annotations.xml"], "Ask the tool that wrote annotations.xml for COCO"),
        (["images/img_1.jpg", "masks/mask_1.png"], "Nearest: mask_folders. Give each mask in .*/masks the name of its"),
    ],
)
def test_advice(tmp_path: Path, names: list[str], advice: str) -> None:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"shapes": []}')
    with pytest.raises(UserError, match=advice):
        open_source(tmp_path)


def test_all_pictures_are_read_or_counted(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for name in ("1.gif", "2.avif", "3.png"):
            (tmp_path / label).mkdir(exist_ok=True)
            Image.new("RGB", (8, 8), "red").save(tmp_path / label / name)
        (tmp_path / label / "4.heic").write_bytes(b"x")
    source = open_source(tmp_path)
    assert source.evidence.items == 6
    assert [(one.kind, one.where, one.bad) for one in source.problems] == [
        ("picture in a format that is not read", "cat/4.heic", False),
        ("picture in a format that is not read", "dog/4.heic", False),
    ]


@pytest.mark.parametrize("writer", [write_coco, write_voc, write_csv])
def test_images_beside_those_of_the_annotation_files_are_counted(tmp_path: Path, writer: Callable[..., Any]) -> None:
    writer(tmp_path)
    assert "images that no annotation file is about left out" not in open_source(tmp_path).problems.counts()
    folder = next(tmp_path.rglob("*.jpg"), None) or next(tmp_path.rglob("*.png"))
    for name in ("more.jpg", "most.jpg"):
        Image.new("RGB", (60, 40)).save(folder.with_name(name))
    source = open_source(tmp_path)
    (found,) = [one for one in source.problems if one.kind.startswith("images that no annotation file")]
    assert (tmp_path / found.where, found.bad) == (folder.parent, False)
    assert found.message.startswith("2 of ")
    assert found.message.endswith("more.jpg")


def test_advice_on_folders_archives_and_parts(tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    with zipfile.ZipFile(tmp_path / "sets" / "data.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(UserError, match=r"Unpack it: cd .*sets && unzip data.zip"):
        open_source(tmp_path / "sets")
    with pytest.raises(UserError, match="unpack it: unzip"):
        open_source(tmp_path / "sets" / "data.zip")
    write_image_folders(tmp_path / "both" / "x")
    write_image_folders(tmp_path / "both" / "y")
    with pytest.raises(UserError, match=r"name one of them:\n.*both/x  \(imagenet\)\n.*both/y"):
        open_source(tmp_path / "both")
    write_voc(tmp_path / "voc")
    with pytest.raises(UserError, match=f"--data_root {tmp_path}/voc"):
        open_source(tmp_path / "voc" / "JPEGImages")


def test_subsets_are_not_offered_as_data_sets(tmp_path: Path) -> None:
    for name in ("WIDER_train/images/a/1.png", "WIDER_train/images/b/2.png", "WIDER_val/images/a/3.png"):
        paint(tmp_path / name, Picture("x", ""))
    with pytest.raises(UserError, match="no known data format") as caught:
        open_source(tmp_path)
    assert "--data_root" not in str(caught.value)


def test_lists_that_are_not_read_are_named_beside_folders_of_classes(tmp_path: Path) -> None:
    write_image_folders(tmp_path / "images")
    for name in ("README.txt", "train_test_split.txt", "classes.txt"):
        (tmp_path / name).write_text("1 0\n2 1\n")
    (line,) = [why for why in open_source(tmp_path).why if "not read" in why]
    assert line == "imagenet: the names of folders are the labels; not read: classes.txt, train_test_split.txt"


def test_wrong_root_and_wrong_format(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(UserError, match=r"there is no data root .*dota; .* holds: data"):
        open_source(tmp_path / "dota")
    (tmp_path / "file.json").write_text("{}")
    with pytest.raises(UserError, match="found the file"):
        open_source(tmp_path / "file.json")
    with pytest.raises(UserError, match="Did you mean 'coco'"):
        open_source(tmp_path, "cocoo")


def test_what_otx_writes_into_a_data_root_is_not_data(tmp_path: Path) -> None:
    write_image_folders(tmp_path)
    write_coco(tmp_path / "otx-workspace" / "run")
    write_coco(tmp_path / ".cache")
    source = open_source(tmp_path)
    assert (source.format, source.evidence.items) == ("imagenet", 15)


def test_labels_are_sorted_and_numbers_go_by_value() -> None:
    names = ["b10", "b2", "A1", "a", "10", "9", "Z", "é"]
    assert sorted(names, key=label_order) == ["9", "10", "a", "A1", "b2", "b10", "Z", "é"]
    assert sorted(set(names), key=label_order) == sorted(names, key=label_order)


def test_labels_do_not_depend_on_which_subset_has_them(tmp_path: Path) -> None:
    made = [Picture("a", "train", label="z"), Picture("b", "val", label="a"), Picture("c", "val", label="m")]
    write_image_folders(tmp_path, made)
    source = open_source(tmp_path)
    (labels,) = source.categories.values()
    assert [entry.name for entry in labels] == ["a", "m", "z"]
    assert [item.annotations[0].label for item in source.subsets["val"]] == [0, 1]


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("train", "train"),
        ("instances_val2017", "val"),
        ("Validation", "val"),
        ("valid", "val"),
        ("validate", "val"),  # official Kinetics
        ("eval", "val"),
        ("TESTING", "test"),
        ("trainval", "train"),
        ("train_test", None),
        ("restaurant", None),
        ("all", None),
    ],
)
def test_subset_names(name: str, subset: str | None) -> None:
    assert subset_name(name) == subset


def test_subsets_of_paths() -> None:
    assert subset_of_path("valid/_annotations.coco.json") == "val"
    assert subset_of_path("test_project/train.json") == "train"
    assert subset_of_folder("data/train_tickets/x") is None
    assert subset_of_folder("data/train2017") == "train"


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    write_coco(tmp_path)
    code = (
        "import sys, pathlib, otx.data.check, otx.data.index\n"
        "from otx.data.source import open_source\n"
        "open_source(pathlib.Path(sys.argv[1]))\n"
        "print(sorted({'torch', 'torchvision', 'lightning'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_labels_of_a_model_replace_those_of_the_data(tmp_path: Path) -> None:
    write_coco(tmp_path)
    source = open_source(tmp_path)
    names = [entry.name for entry in source.categories[AnnotationType.label]]
    before = [names[one.label] for items in source.subsets.values() for item in items for one in item.annotations]
    longer = ["another", *reversed(names)]
    source.use_labels(LabelInfo(tuple(longer)))
    after = [longer[one.label] for items in source.subsets.values() for item in items for one in item.annotations]
    assert after == before
    with pytest.raises(UserError, match="does not know"):
        source.use_labels(LabelInfo(tuple(longer[:2])))
