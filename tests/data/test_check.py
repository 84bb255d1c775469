"""The document of `otx check --json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.generated import pictures, write_coco

from otx.core.task import OTXTaskType
from otx.data.check import check_data
from otx.data.collector import collector_paused
from otx.data.index import build_index
from otx.data.problems import Problems
from otx.data.source import open_source
from otx.data.twins import BEGIN, TWIN
from otx.tasks.detection.reader import DetectionReader


def check(root: Path, **options: Any) -> dict[str, Any]:
    source = open_source(root)
    index = build_index(source, DetectionReader(), on_bad_data="skip", seed=0, split_file=None)
    report = check_data(source, index, OTXTaskType.DETECTION, **options)
    return json.loads(json.dumps(report))


def test_a_sound_data_set(tmp_path: Path) -> None:
    write_coco(tmp_path)
    report = check(tmp_path)
    train = [one for one in pictures() if one.subset == "train"]
    assert report["task"] == "DETECTION"
    assert report["format"] == "coco"
    assert report["labels"] == ["box", "Disc", "star"]
    assert report["evidence"]["items"] == 15
    assert report["evidence"]["unlabelled"] == 3
    assert report["subsets"]["train"] == {
        "images": 8,
        "objects": sum(len(one.boxes) for one in train),
        "per_class": {
            name: sum(label == name for one in train for label, *_ in one.boxes) for name in ("box", "Disc", "star")
        },
    }
    assert report["image_sizes"] == {
        "height": {"min": 40, "median": 40, "max": 40},
        "width": {"min": 60, "median": 60, "max": 60},
    }
    assert (report["problems"], report["trainable"], report["reason"]) == ([], True, "")


def test_bad_images_make_it_untrainable_unless_they_may_be_skipped(tmp_path: Path) -> None:
    written = write_coco(tmp_path)
    written.images["train_000"].write_bytes(b"")
    report = check(tmp_path)
    assert report["trainable"] is False
    assert "--on_bad_data skip" in report["reason"]
    assert [(one["kind"], one["bad"], one["count"]) for one in report["problems"]] == [("broken image", True, 1)]
    assert report["problems"][0]["examples"][0]["where"] == "images/train/train_000.jpg"
    assert check(tmp_path, on_bad_data="skip")["trainable"] is True


def test_no_images_no_sizes(tmp_path: Path) -> None:
    for path in write_coco(tmp_path).images.values():
        path.unlink()
    report = check(tmp_path)
    assert report["image_sizes"] == {}
    assert report["trainable"] is False
    assert report["evidence"]["annotations"]["bbox"] > 0


def test_problems_are_listed_by_kind_the_bad_first() -> None:
    problems = Problems()
    for number in range(30):
        problems.add("box clipped", f"{number}.jpg")
    problems.add("broken image", "x.jpg", "no header", bad=True)
    listed = problems.to_list()
    assert [(one["kind"], one["count"], len(one["examples"])) for one in listed] == [
        ("broken image", 1, 1),
        ("box clipped", 30, 20),
    ]
    assert problems.counts() == {"box clipped": 30, "broken image": 1}
    assert len(problems) == 31


def test_the_collector_is_back_afterwards() -> None:
    import gc

    gc.enable()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_images_of_several_subsets_are_named(tmp_path: Path) -> None:
    images = write_coco(tmp_path).images
    learnt, again, tested, near = (images[name] for name in ("train_000", "train_001", "test_000", "val_000"))
    content = learnt.read_bytes() + bytes(BEGIN)
    for path in (learnt, again, tested):
        path.write_bytes(content)
    near.write_bytes(content[:-1] + b"\1")
    (problem,) = check(tmp_path)["problems"]
    assert (problem["kind"], problem["bad"], problem["count"]) == (TWIN, False, 1)
    where = {"where": "images/test/test_000.jpg", "message": "of test, the same as images/train/train_000.jpg of train"}
    assert problem["examples"] == [where]
