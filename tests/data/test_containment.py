"""No path in a data set leads out of the data root, however it is written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.generated import (
    Picture,
    paint,
    write_coco,
    write_csv,
    write_darknet,
    write_datumaro,
    write_image_folders,
    write_voc,
    write_yolo,
)

from otx.core.errors import UserError
from otx.data.index import build_index
from otx.data.problems import OUTSIDE
from otx.data.source import DataSource, open_source
from otx.tasks.detection.reader import DetectionReader
from otx.tasks.multi_class_classification.reader import MultiClassClsReader


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root two folders below the secret."""
    paint(tmp_path / "secret.png", Picture("secret", ""))
    paint(tmp_path / "hidden" / "one.png", Picture("one", ""))
    return tmp_path / "sets" / "data"


def assert_kept_in(source: DataSource, root: Path, bad: int) -> None:
    """All that is left lies in the root, so many paths are reported, and training refuses to start."""
    for items in source.subsets.values():
        for item in items:
            assert item.media is None or Path(os.path.realpath(item.media.path)).is_relative_to(root.resolve())
    found = [problem for problem in source.problems if problem.kind == OUTSIDE]
    assert len(found) == bad
    assert all(problem.bad for problem in found)
    reader = MultiClassClsReader() if source.format in {"imagenet", "csv"} else DetectionReader()
    with pytest.raises(UserError, match=OUTSIDE):
        build_index(source, reader, on_bad_data="error", seed=0, split_file=None)
    index = build_index(source, reader, on_bad_data="skip", seed=0, split_file=None)
    for subset in index.subsets.values():
        assert all(Path(os.path.realpath(item.path)).is_relative_to(root.resolve()) for item in subset)


EVIL: dict[str, Callable[[Path], str]] = {
    "dots": lambda root: "../../secret.png",
    "dots from the annotation": lambda root: "../../../secret.png",
    "dots in the middle": lambda root: "images/../../../secret.png",
    "backslashes": lambda root: "..\\..\\secret.png",
    "absolute": lambda root: str(root.parents[1] / "secret.png"),
    "absolute through the root": lambda root: f"{root}/../../secret.png",
    "link to a file": lambda root: link(root / "images" / "inside.png", root.parents[1] / "secret.png"),
    "link to a folder": lambda root: f"{link(root / 'more', root.parents[1] / 'hidden')}/one.png",
    "relative link": lambda root: link(root / "images" / "inside.png", Path("../../../secret.png")),
    "link to a link": lambda root: link(root / "b.png", root / link(root / "a.png", root.parents[1] / "secret.png")),
}


def link(path: Path, target: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target if target.is_absolute() or target.parts[0] == ".." else path.parents[1] / target)
    return str(path.relative_to(path.parents[1] if path.parent.name == "images" else path.parent))


@pytest.mark.parametrize("evil", EVIL)
def test_coco(root: Path, evil: str) -> None:
    write_coco(root, annotations="annotations/all.json")
    name = EVIL[evil](root)
    path = root / "annotations" / "all.json"
    document = json.loads(path.read_text())
    document["images"].append({"id": 1, "file_name": name, "height": 40, "width": 60})
    path.write_text(json.dumps(document))
    links = sum(entry.is_symlink() for entry in root.rglob("*"))
    assert_kept_in(open_source(root), root, 1 + links)


@pytest.mark.parametrize("evil", ["dots", "absolute", "backslashes"])
def test_voc_filename_is_not_followed(root: Path, evil: str) -> None:
    write_voc(root)
    path = root / "Annotations" / "train_000.xml"
    path.write_text(path.read_text().replace("train_000.jpg", EVIL[evil](root)))
    source = open_source(root)
    assert not source.problems
    assert "JPEGImages/train_000.jpg" in {item.id for item in source.subsets["train"]}


def test_voc_entities_are_refused(root: Path) -> None:
    write_voc(root)
    path = root / "Annotations" / "train_000.xml"
    evil = f'<!DOCTYPE annotation [<!ENTITY secret SYSTEM "file://{root.parents[1]}/secret.png">]>'
    path.write_text(evil + path.read_text().replace("train_000.jpg", "&secret;"))
    (problem,) = open_source(root).problems.bad()
    assert (problem.kind, problem.where) == ("unreadable annotation", "Annotations/train_000.xml")


def test_voc_list(root: Path) -> None:
    write_voc(root)
    with (root / "ImageSets" / "Main" / "train.txt").open("a") as stream:
        stream.write("../../../secret\n")
    assert_kept_in(open_source(root), root, 1)


@pytest.mark.parametrize("evil", ["dots", "absolute", "backslashes"])
def test_darknet_list(root: Path, evil: str) -> None:
    write_darknet(root)
    (root.parents[1] / "secret.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with (root / "train.txt").open("a") as stream:
        stream.write(f"{EVIL[evil](root)}\n")
    assert_kept_in(open_source(root), root, 1)


def test_darknet_lists_and_names_outside(root: Path) -> None:
    write_darknet(root)
    (root.parents[1] / "secret.names").write_text("one\ntwo\nthree\n")
    (root / "obj.data").write_text("names = ../../secret.names\ntrain = ../../list.txt\nvalid = val.txt\n")
    (root / "obj.names").unlink()
    (root.parents[1] / "list.txt").write_text("a.jpg\n")
    source = open_source(root)
    assert_kept_in(source, root, 2)
    assert next(entry.name for labels in source.categories.values() for entry in labels).startswith("class_")


@pytest.mark.parametrize("evil", EVIL)
def test_datumaro(root: Path, evil: str) -> None:
    write_datumaro(root)
    name = EVIL[evil](root)
    path = root / "annotations" / "train.json"
    document = json.loads(path.read_text())
    document["items"].append({"id": "evil", "annotations": [], "image": {"path": name}})
    path.write_text(json.dumps(document))
    links = sum(entry.is_symlink() for entry in root.rglob("*"))
    assert_kept_in(open_source(root), root, 1 + links)


@pytest.mark.parametrize("evil", ["dots", "absolute", "backslashes", "link to a file"])
def test_csv(root: Path, evil: str) -> None:
    write_csv(root)
    with (root / "labels_train.csv").open("a") as stream:
        stream.write(f"{EVIL[evil](root)},0,0,1\n")
    links = sum(entry.is_symlink() for entry in root.rglob("*"))
    assert_kept_in(open_source(root), root, 1 + links)


def test_yolo_folder_outside(root: Path) -> None:
    write_yolo(root)
    write_yolo(root.parents[1] / "hidden")
    (root / "data.yaml").write_text("train: ../../hidden/images/none\nval: images/val\nnames: [a, b, c]\n")
    source = open_source(root)
    assert sorted(source.subsets) == ["val"]
    assert source.problems.counts() == {"folder of a subset is missing": 1}


def test_linked_class_folder(root: Path) -> None:
    write_image_folders(root)
    (root / "train" / "secret").symlink_to(root.parents[1] / "hidden")
    (root / "train" / "box" / "secret.png").symlink_to(root.parents[1] / "secret.png")
    (root / "train" / "box" / "dangling.png").symlink_to(root.parents[1] / "nothing.png")
    assert_kept_in(open_source(root), root, 3)


def test_linked_annotation_file(root: Path) -> None:
    write_coco(root)
    moved = root.parents[1] / "instances_train.json"
    (root / "annotations" / "instances_train.json").rename(moved)
    (root / "annotations" / "instances_train.json").symlink_to(moved)
    source = open_source(root)
    assert "train" not in source.subsets
    assert_kept_in(source, root, 1)


def test_links_inside_the_root_are_followed(root: Path) -> None:
    write_image_folders(root / "real")
    (root / "data").symlink_to(root / "real")
    (root / "real" / "train" / "loop").symlink_to(root / "real")
    source = open_source(root / "data")
    assert source.root == (root / "real").resolve()
    assert (source.format, list(source.problems)) == ("imagenet", [])
    write_coco(root / "two", images="store/{name}.jpg")
    (root / "two" / "images").symlink_to("store")
    assert open_source(root / "two").evidence.items == 15
