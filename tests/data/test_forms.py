"""Forms of label files beyond boxes and marks: outlines, keypoints, classes by name, compressed masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from datumaro import AnnotationType
from PIL import Image

from otx.core.errors import UserError
from otx.core.label_info import LabelInfo
from otx.core.masks import encode_rle, to_pixels
from otx.data.source import DataSource, open_source
from otx.tasks import task_spec

HEIGHT, WIDTH = 40, 60


def paint(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).save(path)
    return path


def write_yolo_lines(root: Path, lines: str, yaml: str = "names: [cat, dog]\n") -> None:
    for name in ("a", "b", "c"):
        paint(root / "images" / "train" / f"{name}.jpg")
        text = root / "labels" / "train" / f"{name}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(lines)
    (root / "data.yaml").write_text(f"train: images/train\n{yaml}")


def first(source: DataSource) -> list:
    return next(iter(source.subsets.values()))[0].annotations


def labels(source: DataSource) -> list[str]:
    return [entry.name for entry in source.categories[AnnotationType.label]]


def test_yolo_outlines(tmp_path: Path) -> None:
    write_yolo_lines(tmp_path, "1 0.1 0.1 0.5 0.1 0.4 0.5\n0 0.5 0.5 0.2 0.2\n")
    outline, box = first(open_source(tmp_path))
    assert outline.points == pytest.approx([6, 4, 30, 4, 24, 20])
    assert box.points == pytest.approx([24, 16, 36, 24])
    assert outline.group != box.group


def test_yolo_rotated_boxes(tmp_path: Path) -> None:
    corners = np.array([(30, 10), (50, 20), (45, 30), (25, 20)]) / (WIDTH, HEIGHT)
    write_yolo_lines(tmp_path, "0 " + " ".join(map(str, corners.ravel())) + "\n")
    source = open_source(tmp_path)
    assert task_spec("ROTATED_DETECTION").claim(source.evidence) is not None
    assert first(source)[0].points == pytest.approx([30, 10, 50, 20, 45, 30, 25, 20])


@pytest.mark.parametrize(("numbers", "seen"), [(3, [2, 1, 0]), (2, [2, 2, 0])])
def test_yolo_keypoints(tmp_path: Path, numbers: int, seen: list[int]) -> None:
    points = [(0.25, 0.5, 2), (0.75, 0.5, 1), (0, 0, 0)]
    written = " ".join(str(value) for point in points for value in point[:numbers])
    write_yolo_lines(
        tmp_path,
        f"0 0.5 0.5 0.6 0.6 {written}\n1 0.5 0.5 0.1 0.1\n",
        f"kpt_shape: [3, {numbers}]\nflip_idx: [1, 0, 2]\nnames: [cat, dog]\n",
    )
    source = open_source(tmp_path)
    reader = task_spec("KEYPOINT_DETECTION").load("reader")()
    info = reader.label_info(source.categories)
    assert info.keypoints.names == ("1 left", "1 right", "3")
    assert info.keypoints.flip_order == (1, 0, 2)
    found = reader.annotation(source.subsets["train"][0], info, (HEIGHT, WIDTH), pytest.fail)
    assert found.boxes[0] == pytest.approx([12, 8, 48, 32])
    assert found.keypoints[0] == pytest.approx(np.array([(15, 20, seen[0]), (45, 20, seen[1]), (0, 0, seen[2])]))
    assert not found.keypoints[1].any()


@pytest.mark.parametrize("given", ["[3]", "[3, 4]", "three", "[3, 3]\nflip_idx: [1, 0]"])
def test_yolo_keypoints_that_say_nothing(tmp_path: Path, given: str) -> None:
    write_yolo_lines(tmp_path, "0 0.5 0.5 0.6 0.6\n", f"kpt_shape: {given}\nnames: [cat, dog]\n")
    with pytest.raises(UserError, match=r"expected in data.yaml a kpt_shape such as"):
        open_source(tmp_path)


@pytest.mark.parametrize("line", ["0 0.1 0.1 0.5 0.1 0.4", "7 0.1 0.1 0.5 0.1 0.4 0.5"])
def test_yolo_lines_of_no_form(tmp_path: Path, line: str) -> None:
    write_yolo_lines(tmp_path, f"{line}\n")
    assert {one.kind for one in open_source(tmp_path).problems} == {"unreadable annotation"}


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("filename,label", "images/{name}.jpg,{label}"),
        ("id_code,diagnosis", "{name},{label}"),
        ("image_id,source,class", "{name},web,{label}"),
    ],
)
def test_csv_with_the_name_of_the_class(tmp_path: Path, head: str, row: str) -> None:
    names = [paint(tmp_path / "images" / f"{i}.jpg").stem for i in range(8)]
    rows = [row.format(name=name, label=("rose", "tulip")[int(name) % 2]) for name in names]
    (tmp_path / "labels.csv").write_text("\n".join([head, *rows, ""]))
    (tmp_path / "sample_submission.csv").write_text("\n".join([head, *rows, ""]))
    source = open_source(tmp_path)
    assert source.format == "csv"
    assert sorted(labels(source)) == ["rose", "tulip"]
    assert source.evidence.annotations == {"label": 8}
    assert task_spec("MULTI_CLASS_CLS").claim(source.evidence) is not None


@pytest.mark.parametrize("head", ["file,label,split", "file,Subset,cat,dog", "file,kind,set"])
def test_csv_with_a_column_of_subsets(tmp_path: Path, head: str) -> None:
    names = [paint(tmp_path / f"{i}.jpg").name for i in range(8)]
    said = ["train", "train", "Training", "valid", "test", "spare", "", "test"]
    cells = ({"Subset": subset, "split": subset, "set": subset} for subset in said)
    rows = [
        ",".join([name, *(row.get(column, str(i % 2)) for column in head.split(",")[1:])])
        for i, (name, row) in enumerate(zip(names, cells, strict=True))
    ]
    rows.append(rows[0].replace("train", "test"))
    (tmp_path / "labels.csv").write_text("\n".join([head, *rows, ""]))
    source = open_source(tmp_path)
    assert {subset: len(items) for subset, items in source.subsets.items()} == {
        "train": 3, "val": 1, "test": 2, "spare": 1, "unassigned": 1,
    }  # fmt: skip
    assert labels(source) == (["cat", "dog"] if "cat" in head else ["0", "1"])
    assert [(one.kind, one.where) for one in source.problems] == [("image in two subsets", "labels.csv:10")]


@pytest.mark.parametrize(
    "content",
    [
        b"image,caption\ncat/0.jpg,a cat\ncat/1.jpg,a cat\ndog/0.jpg,a dog\ndog/1.jpg,one more\n",
        "image,label\ncat/0.jpg,dé\n".encode("latin-1"),
        b"number,sound\n1," + b"1 " * 70_000 + b"\n",
    ],
)
def test_csv_about_something_else_beside_folders_of_classes(tmp_path: Path, content: bytes) -> None:
    for label in ("cat", "dog"):
        for number in range(2):
            paint(tmp_path / label / f"{number}.jpg")
    (tmp_path / "more.csv").write_bytes(content)
    assert open_source(tmp_path).format == "imagenet"


def test_csv_with_a_row_per_object(tmp_path: Path) -> None:
    paint(tmp_path / "train" / "a.jpg")
    paint(tmp_path / "train" / "b.jpg")
    rows = ["a.jpg,60,40,cat,10,5,30,20", "a.jpg,60,40,dog,1,2,3,4", "b.jpg,60,40,cat,1,2,oops,4", "b.jpg,60,40"]
    (tmp_path / "train" / "_annotations.csv").write_text(
        "\n".join(["filename,width,height,class,xmin,ymin,xmax,ymax", *rows, ""])
    )
    source = open_source(tmp_path)
    assert [list(box.points) for box in first(source)] == [[10, 5, 30, 20], [1, 2, 3, 4]]
    assert [(one.kind, one.where) for one in source.problems] == [
        ("unreadable annotation", "train/_annotations.csv:4"),
        ("unreadable annotation", "train/_annotations.csv:5"),
    ]


@pytest.mark.parametrize("task", ["INSTANCE_SEGMENTATION", "SEMANTIC_SEGMENTATION"])
@pytest.mark.parametrize("compressed", [True, False])
def test_run_lengths_of_coco(tmp_path: Path, task: str, *, compressed: bool) -> None:
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    inside[10:20, 30:45] = 1
    runs = np.diff(np.flatnonzero(np.diff(inside.T.ravel(), prepend=0, append=0)), prepend=0, append=0)
    counts = [*runs[:-1].tolist(), inside.size - int(runs[:-1].sum())]
    segmentation = encode_rle(inside) if compressed else {"size": [HEIGHT, WIDTH], "counts": counts}
    paint(tmp_path / "a.png")
    entry = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [30, 10, 15, 10], "area": 150, "iscrowd": 0}
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": [entry | {"segmentation": segmentation}],
        "categories": [{"id": 1, "name": "nut"}],
    }
    (tmp_path / "all.json").write_text(json.dumps(document))
    source = open_source(tmp_path)
    reader = task_spec(task).load("reader")()
    (item,) = next(iter(source.subsets.values()))
    found = reader.annotation(item, LabelInfo(("nut",)), (HEIGHT, WIDTH), pytest.fail)
    if task == "INSTANCE_SEGMENTATION":
        assert np.array_equal(to_pixels(found.rles, (HEIGHT, WIDTH))[0], inside)
    else:
        assert found.shapes[0].area == inside.sum()


def test_masks_whose_names_hold_more_words_and_values_by_roboflow(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:20, 5:20] = 2
    for name in ("car_front", "car_back", "red.bike"):
        paint(tmp_path / "train" / f"{name}.jpg")
        Image.fromarray(mask).save(tmp_path / "train" / f"{name}_mask.png")
    (tmp_path / "train" / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
    source = open_source(tmp_path)
    assert source.format == "mask_folders"
    assert len(source.subsets["train"]) == 3
    assert labels(source) == ["background", "cat", "dog"]


def test_xml_with_another_root_is_not_vocs(tmp_path: Path) -> None:
    paint(tmp_path / "images" / "a.jpg")
    (tmp_path / "annotations.xml").write_text("<annotations><version>1.1</version></annotations>")
    with pytest.raises(UserError, match="none with the root <annotation>"):
        open_source(tmp_path)


def test_numbers_that_are_the_names_of_several_images_make_no_csv(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for number in range(4):
            paint(tmp_path / label / f"{number}.jpg")
    (tmp_path / "measured.csv").write_text("run,loss\n1,2\n3,4\n")
    source = open_source(tmp_path)
    assert source.format == "imagenet"
    assert "csv: found no such file among 1 .csv: measured.csv begins with 'run,loss'" in source.why


def write_nuts(root: Path, annotations: list[dict[str, object]], **category: object) -> None:
    """A COCO file about one picture."""
    paint(root / "a.png")
    entry = {"image_id": 1, "category_id": 1, "bbox": [30, 10, 15, 10], "area": 150, "iscrowd": 0}
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": [entry | one for one in annotations],
        "categories": [{"id": 1, "name": "nut"} | category],
    }
    (root / "all.json").write_text(json.dumps(document))


def test_coco_objects_without_keypoints_beside_others(tmp_path: Path) -> None:
    write_nuts(tmp_path, [{"keypoints": [31, 11, 2]}, {"bbox": [1, 2, 8, 9]}, {"keypoints": []}], keypoints=["tip"])
    source = open_source(tmp_path)
    assert source.evidence.annotations == {"bbox": 3, "points": 1}
    assert list(source.problems) == []
    assert [one.attributes["area"] for one in first(source)] == [150] * 4


@pytest.mark.parametrize(("crowds", "left_out"), [(1, 1), (2, 0)])
def test_masks_that_a_tool_marks_as_crowds(tmp_path: Path, crowds: int, left_out: int) -> None:
    crowd = {"iscrowd": 1, "segmentation": {"size": [HEIGHT, WIDTH], "counts": [100, 200, WIDTH * HEIGHT - 300]}}
    write_nuts(tmp_path, [crowd] * crowds + [{}] * (6 - crowds))
    source = open_source(tmp_path)
    assert sum(one.attributes["is_crowd"] for one in first(source) if one.type.name == "mask") == left_out
    assert source.problems.counts() == ({} if left_out else {"crowd mark read as the form of a mask": 1})


def test_json_with_a_mark_of_its_encoding_and_with_what_is_no_number(tmp_path: Path) -> None:
    write_nuts(tmp_path, [{"area": None}])
    path = tmp_path / "all.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert open_source(tmp_path).evidence.count("bbox") == 1
    path.write_text(path.read_text(encoding="utf-8-sig").replace('"area": null', '"area": NaN'))
    with pytest.raises(UserError, match="NaN is not in JSON, write null"):
        open_source(tmp_path)
