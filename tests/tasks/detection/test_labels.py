"""Labels as data sets have them: images without objects, classes that a subset lacks, a single class."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.generated import Picture, write_coco

from otx.engine import Engine

pytestmark = pytest.mark.framework("torchvision")

SETTINGS = {
    "data.workers": 0,
    "training.tensorboard": False,
    "training.precision": "32",
    "training.channels_last": False,
}


def engine_on(root: Path, boxes: dict[str, list[tuple[tuple[str, int, int, int, int], ...]]], labels: tuple[str, ...]):
    made = [
        Picture(f"{subset}_{number}", subset, boxes=each)
        for subset, all_ in boxes.items()
        for number, each in enumerate(all_)
    ]
    write_coco(root / "data", made, labels)
    settings = SETTINGS | {"model.input_size": [64, 64]}
    return Engine(root / "data", pretrained=False, work_dir=root / "run", settings=settings)


def test_classes_that_a_subset_lacks_are_left_out_of_its_means(tmp_path) -> None:
    star, box, disc = ("star", 5, 5, 20, 20), ("box", 20, 10, 40, 30), ("Disc", 30, 5, 50, 30)
    engine = engine_on(
        tmp_path,
        {
            "train": [(star,), (box, disc), (), (star, disc), (box,), ()],
            "val": [(box,), ()],
            "test": [(disc,), (star,)],
        },
        ("star", "box", "Disc"),
    )
    report = engine.check().report
    assert report["trainable"]
    assert report["subsets"]["val"]["per_class"] == {"box": 1, "Disc": 0, "star": 0}
    trained = engine.train(max_epochs=1)
    assert 0 <= trained.metrics["map"] <= 1
    assert set(engine.test(split="val").per_class) == {"box"}
    assert set(engine.test().per_class) == {"Disc", "star"}
    assert engine.export().parity["passed"]


def test_a_subset_without_any_object_is_measured_as_nothing(tmp_path) -> None:
    box = ("box", 20, 10, 40, 30)
    engine = engine_on(tmp_path, {"train": [(box,)] * 4, "val": [(), ()], "test": [()]}, ("star", "box"))
    trained = engine.train(max_epochs=1)
    assert trained.metrics["map"] == 0
    tested = engine.test()
    assert tested.metrics["map"] == 0
    assert tested.per_class == {}


def test_a_single_class_goes_the_whole_way(tmp_path) -> None:
    box = ("box", 20, 10, 40, 30)
    engine = engine_on(tmp_path, {"train": [(box,)] * 4, "val": [(box,), ()], "test": [(box,)]}, ("box",))
    engine.train(max_epochs=2)
    exported = engine.export()
    by_torch, by_openvino = engine.test(), engine.test(exported.model)
    assert by_torch.metrics == pytest.approx(by_openvino.metrics, abs=0.002)
    assert set(by_torch.per_class) == {"box"}
    records = json.loads(engine.predict(tmp_path / "data" / "images" / "test", threshold=0.0).predictions.read_text())
    assert {entry["label"] for entry in records[0]["objects"]} == {"box"}
