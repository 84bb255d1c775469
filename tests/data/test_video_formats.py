"""Videos are found in class folders, as folders of frames and in Kinetics' lists, and read into the same items."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.generated import (
    SORTED_LABELS,
    paint,
    pictures,
    write_frames,
    write_image_folders,
    write_kinetics,
    write_videos,
)

from otx.core.errors import UserError
from otx.data.source import open_source
from otx.tasks.action_classification.reader import ActionClsReader


@pytest.mark.parametrize("write", [write_videos, write_frames, write_kinetics])
def test_items_are_the_same(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path)
    source = open_source(tmp_path)
    labels = ActionClsReader().label_info(source.categories)
    assert labels.names == SORTED_LABELS
    assert source.evidence.videos == source.evidence.items == 15
    for picture in pictures():
        (item,) = [one for one in source.subsets[picture.subset] if Path(one.id).stem == picture.name]
        assert labels.names[item.annotations[0].label] == picture.label
        assert Path(item.media.path).exists()
        assert Path(item.media.path).is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize("write", [write_videos, write_frames])
def test_folders_without_subsets(tmp_path: Path, write: Callable[..., object]) -> None:
    write(tmp_path, subsets=False)
    assert open_source(tmp_path).subsets.keys() == {"unassigned"}


def test_images_with_numbers_are_not_taken_for_frames(tmp_path: Path) -> None:
    write_image_folders(tmp_path / "flat", [one for one in pictures() if one.subset == "train"])
    assert open_source(tmp_path / "flat").format == "imagenet"
    renamed = [replace(one, name=f"clip{number}") for number, one in enumerate(pictures())]
    written = write_frames(tmp_path / "gap", renamed)
    (written.images["clip1"] / "frame_0004.jpg").unlink()
    source = open_source(tmp_path / "gap")
    assert source.format == "imagenet"
    assert any("no folders of numbered frames of one size only" in line for line in source.why)
    write_frames(tmp_path / "frames", renamed)
    assert any(line.startswith("imagenet: possible too") for line in open_source(tmp_path / "frames").why)


def test_numbered_photographs_in_a_tree_of_classes_are_not_taken_for_frames(tmp_path: Path) -> None:
    for label in ("fruit/apple", "fruit/pear", "vegetable/onion"):
        (tmp_path / label).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (60 + number, 40)).save(tmp_path / label / f"{number}.jpg")
    source = open_source(tmp_path)
    assert source.format == "imagenet"
    assert source.evidence.items == 18


def test_pictures_beside_videos_are_passed_over(tmp_path: Path) -> None:
    for picture in write_videos(tmp_path).pictures[:3]:
        paint(tmp_path / picture.subset / picture.label / f"{picture.name}.jpg", picture)
    assert open_source(tmp_path).format == "video_folders"


def test_kinetics_as_json_with_times_in_the_names(tmp_path: Path) -> None:
    written = write_kinetics(tmp_path)
    entries = {}
    for picture in written.pictures:
        path = written.images[picture.name]
        path.rename(path.with_name(f"{picture.name}_000007_000017.mp4"))
        segment = {"label": picture.label, "segment": [7.0, 17.0]}
        entries[picture.name] = {"annotations": segment, "subset": picture.subset, "url": "https://example.org"}
    for path in tmp_path.glob("*.csv"):
        path.unlink()
    (tmp_path / "kinetics.json").write_text(json.dumps(entries))
    source = open_source(tmp_path)
    assert source.format == "kinetics"
    assert {subset: len(items) for subset, items in source.subsets.items()} == {"train": 8, "val": 3, "test": 4}
    assert not source.problems.bad()


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", b'{"segment": '), ("a.json", b'{"a": {"annotations": {"segment": 3}}}'), ("a.csv", b"id,n\n1,\xe9\n")],
)
def test_files_about_something_else_are_passed_over(tmp_path: Path, name: str, content: bytes) -> None:
    write_kinetics(tmp_path)
    (tmp_path / name).write_bytes(content)
    source = open_source(tmp_path)
    assert source.format == "kinetics"
    assert (f"not read: {name}" in source.why[0]) == (b"3" not in content)


def test_videos_that_are_missing_or_have_no_label_are_bad(tmp_path: Path) -> None:
    written = write_kinetics(tmp_path)
    written.images["train_002"].unlink()
    text = (tmp_path / "val.csv").read_text()
    (tmp_path / "val.csv").write_text(text + ",val_000,0,1,val,0\nbox,../../outside,0,1,val,0\n")
    problems = [(one.kind, one.where) for one in open_source(tmp_path).problems.bad()]
    assert problems == [
        ("missing video", "train.csv:4"),
        ("unreadable annotation", "val.csv:5"),
        ("path outside the data root", "val.csv:6"),
    ]


def test_videos_without_folders_are_told_where_to_go(tmp_path: Path) -> None:
    write_videos(tmp_path / "all", [one for one in pictures() if one.label == "box"], subsets=False)
    with pytest.raises(UserError, match="Nearest: video_folders, one folder per class"):
        open_source(tmp_path)
