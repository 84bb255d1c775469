"""docs/data-formats.md lists the formats, words and shares of the code."""

from __future__ import annotations

import re

from tests import generated
from tests.docs.blocks import DOCS

from otx.data import subset_names
from otx.data.source import FORMATS, open_source
from otx.data.split import SHARES

TEXT = (DOCS / "data-formats.md").read_text(encoding="utf-8")


def test_formats_are_those_of_the_code() -> None:
    assert re.findall(r"^\*\*.*?\*\* \(`(\w+)`\)", TEXT, re.MULTILINE) == list(FORMATS)


def test_words_of_subsets_are_those_of_the_code() -> None:
    (line,) = re.findall(r"^Words that name a subset: (.*)", TEXT, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", line)) == set(subset_names._WORDS)


def test_shares_are_those_of_the_code() -> None:
    val, test = (round(100 * SHARES["train"][name]) for name in ("val", "test"))
    assert f"{val} % of the training images each" in TEXT
    assert val == test
    assert f"{100 - val - test} %, {val} % and {test} %" in TEXT
    assert SHARES["test"] == {"val": 0.5}
    assert "half of the test images" in TEXT


def test_the_trees_are_recognised(tmp_path) -> None:
    """Each tree, filled by the writer of its layout, has files like those that the page shows."""
    writers = {
        "coco": [generated.write_coco],
        "voc": [generated.write_voc],
        "yolo": [generated.write_yolo, generated.write_darknet],
        "dota": [generated.write_dota],
        "datumaro": [generated.write_datumaro],
        "labelme": [generated.write_labelme],
        "cvat": [generated.write_cvat],
        "csv": [generated.write_csv],
        "cityscapes": [generated.write_cityscapes],
        "voc_segmentation": [generated.write_voc_masks],
        "mvtec": [generated.write_mvtec],
        "mask_folders": [generated.write_masks],
        "kinetics": [generated.write_kinetics],
        "video_folders": [generated.write_videos, generated.write_frames],
        "imagenet": [generated.write_image_folders],
    }
    trees = re.findall(r"^```\nmy_data/\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for name, write in ((name, write) for name, several in writers.items() for write in several):
        root = tmp_path / write.__name__
        write(root)
        assert open_source(root).format == name
        there = {shape(str(path.relative_to(root))) for path in root.rglob("*") if path.is_file()}
        shown = {shape(line.strip()) for line in trees.pop(0).splitlines()}
        assert shown <= there, f"{write.__name__} writes nothing like {shown - there}"
    assert not trees


def shape(path: str) -> str:
    """A path without what names a single image or class."""
    path = re.sub(r"(train|val|test)_\d+|\d{4}", "NAME", path)
    return re.sub(r"/(cat|dog|box|star|Disc)/", "/CLASS/", path)
