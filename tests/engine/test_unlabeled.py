"""`unlabeled_data_root`: what it does to the plan and the report, and what it does not go together with."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.generated import Picture, paint, pictures, write_coco, write_image_folders

from otx.core.errors import UserError
from otx.engine import Engine
from otx.recipes.plan import Plan

FIXED = {"training.precision": "32", "training.channels_last": False, "model.input_size": [32, 32]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_image_folders(tmp_path / "data", pictures())
    for number in range(5):
        paint(tmp_path / "pool" / "star" / f"{number}.png", Picture(str(number), ""))
    return tmp_path


def engine(place: Path, data: str = "data", **more: Any) -> Engine:
    settings = FIXED | more.pop("settings", {})
    arguments = {"pretrained": False, "work_dir": place / "run", "unlabeled_data_root": place / "pool"} | more
    return Engine(place / data, settings=settings, **arguments)


def test_the_plan_and_the_files_of_the_run_tell_of_it(place: Path) -> None:
    made = engine(place, unlabeled_data_root=place, settings={"training.unlabeled.threshold": 0.0})
    run = made.train(max_epochs=2).work_dir
    plan = Plan.read(run / "plan.yaml")
    assert (plan["unlabeled_data_root"], plan.choices["unlabeled_data_root"].origin) == (str(place), "user")
    assert (plan["training.ema_decay"], plan.choices["training.ema_decay"].reason) == (0.99, "unlabeled")
    found = json.loads((run / "data/report.json").read_text())["unlabelled"]
    assert found["images"] == 5 + 8  # the labelled ones to train on, but none to validate or test on
    assert [(one["kind"], one["count"]) for one in found["problems"]] == [
        ("image for validation or testing left out", 7)
    ]
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [float(row["pseudo_labelled"]) for row in rows] == [1.0, 1.0]
    assert float(rows[-1]["loss_unlabelled"]) > 0
    made.test()  # needs no images without labels
    with pytest.raises(UserError, match=r"was started with unlabeled_data_root"):
        engine(place, unlabeled_data_root=place / "data").train(resume=True)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"devices": 2}, "does not go together with --devices: leave one of the two out"),
        ({"settings": {"training.time": 60.0}}, "does not go together with --time"),
        ({"settings": {"training.ram": 4.0}}, "does not go together with --ram"),
        ({"pretrained": "weights", "settings": {"training.freeze_backbone": True}}, "together with --freeze_backbone"),
        (
            {"task": "MULTI_LABEL_CLS"},
            r"expected a task that .*\(.*MULTI_CLASS_CLS.*\), got MULTI_LABEL_CLS",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(place: Path, more: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        engine(place, **more).configure()


def test_tiles_are_refused(place: Path) -> None:
    write_coco(place / "scenes", pictures())
    with pytest.raises(UserError, match="does not go together with --tile: set --tile false"):
        engine(place, "scenes").configure(tile=True)
    assert engine(place, "scenes").configure(tile=False)["training.unlabeled.threshold"] == 0.6


def test_a_user_who_wants_no_average_is_told(place: Path) -> None:
    with pytest.raises(UserError, match=r"expected training\.ema_decay above 0"):
        engine(place, settings={"training.ema_decay": 0.0}).train(max_epochs=1)
