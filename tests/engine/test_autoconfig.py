"""The Auto-Configurator: what it chooses, why, and that it never overrules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otx.core.catalog import ModelRow, Weights
from otx.core.errors import UserError
from otx.core.evidence import Evidence
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType
from otx.engine import autoconfig
from otx.recipes.plan import Plan
from otx.tasks import task_specs

BOXES = Evidence(format="coco", items=10, annotations={"bbox": 30})
LABELS = Evidence(format="imagenet", items=10, annotations={"label": 10}, max_image_labels=1)
ROW = ModelRow(
    name="x/y",
    task=OTXTaskType.DETECTION,
    adapter="a:b",
    arch="y",
    input_spec=InputSpec(height=320, width=320),
    parameters=1,
    package="torch",
)


@pytest.mark.parametrize(
    ("size", "share", "smaller"),
    [
        ((320, 320), 0.64, (256, 256)),
        ((320, 320), 0.0, (160, 160)),
        ((192, 320), 0.64, (128, 256)),
        ((32, 32), 0.5, None),
    ],
)
def test_a_smaller_input_for_want_of_time(size: tuple[int, int], share: float, smaller: tuple[int, int] | None) -> None:
    plan = Plan()
    plan.choose("model.input_size", list(size), "default")
    made = autoconfig.shrink_input(plan, ROW.input_spec.with_size(*size), share)
    assert (made.size if made else None) == smaller
    assert plan["model.input_size"] == list(smaller or size)
    assert ("fewer than 10 epochs of" in plan.choices["model.input_size"].reason) is bool(smaller)


def test_the_size_of_the_user_or_of_the_model_stays_whatever_the_time() -> None:
    plan = Plan()
    plan.add_user({"model.input_size": [320, 320]}, "given")
    assert autoconfig.shrink_input(plan, ROW.input_spec, 0.1) is None
    plan = Plan()
    plan.choose("model.input_size", [320, 320], "fixed by the model")
    assert autoconfig.shrink_input(plan, replace(ROW.input_spec, multiple_of=0), 0.1) is None


@pytest.mark.parametrize(("evidence", "task"), [(BOXES, "DETECTION"), (LABELS, "MULTI_CLASS_CLS")])
def test_task_is_found_from_the_evidence(evidence: Evidence, task: str) -> None:
    plan = Plan()
    assert autoconfig.choose_task(plan, evidence, task_specs()).task == task
    assert plan["task"] == task
    assert str(evidence.items) in plan.choices["task"].reason


def test_task_of_the_user_wins() -> None:
    plan = Plan()
    plan.add_user({"task": "multi_class_cls"}, "given")
    assert autoconfig.choose_task(plan, BOXES, task_specs()).task == "MULTI_CLASS_CLS"


def test_no_task_fits() -> None:
    with pytest.raises(UserError, match="otx check"):
        autoconfig.choose_task(Plan(), Evidence(format="coco", items=3, annotations={}), task_specs())
    plan = Plan()
    plan.add_user({"task": "DETECTIVE"}, "given")
    with pytest.raises(UserError, match=r"Known: .*DETECTION"):
        autoconfig.choose_task(plan, BOXES, task_specs())


def test_model_depends_on_whether_it_starts_from_nothing() -> None:
    spec = task_specs()[OTXTaskType.DETECTION]
    pretrained, scratch = Plan(), Plan()
    scratch.add_user({"model.pretrained": False}, "given")
    autoconfig.choose_model(pretrained, spec)
    autoconfig.choose_model(scratch, spec)
    assert pretrained["model.name"] == spec.default_model
    assert scratch["model.name"] == spec.default_model_from_scratch


def test_pretrained_where_there_are_weights() -> None:
    without, with_weights = Plan(), Plan()
    autoconfig.choose_pretrained(without, ROW)
    weights = Weights(hub="a/b", licence="Apache-2.0", trained_on="COCO")
    autoconfig.choose_pretrained(with_weights, replace(ROW, weights=weights))
    assert without["model.pretrained"] is False
    assert with_weights["model.pretrained"] is True
    assert "COCO" in with_weights.choices["model.pretrained"].reason


def test_input_size_follows_small_images() -> None:
    plan = Plan()
    spec = autoconfig.choose_input_size(plan, ROW.input_spec, [(32, 32)] * 5)
    assert spec.height == plan["model.input_size"][0] < 320
    big = Plan()
    assert autoconfig.choose_input_size(big, ROW.input_spec, [(1000, 800)]).size == (320, 256)
    wide = autoconfig.choose_input_size(Plan(), ROW.input_spec, [(336, 448)])
    assert wide.size == (256, 320)
    square = replace(ROW.input_spec, resize=ResizeMode.CENTER_CROP)
    assert autoconfig.choose_input_size(Plan(), square, [(336, 448)]).size == (320, 320)
    square = replace(ROW.input_spec, square=True)
    assert autoconfig.choose_input_size(Plan(), square, [(336, 448)]).size == (320, 320)
    fixed = replace(ROW.input_spec, multiple_of=0)
    assert autoconfig.choose_input_size(Plan(), fixed, [(32, 32)]).height == 320


def test_input_size_of_the_user_is_checked() -> None:
    plan = Plan()
    plan.add_user({"model.input_size": [100, 100]}, "given")
    with pytest.raises(UserError, match="multiples of 32"):
        autoconfig.choose_input_size(plan, ROW.input_spec, [(32, 32)])
    plan.add_user({"model.input_size": [96, 64]}, "given")
    with pytest.raises(UserError, match="square images only, got an input size of 96x64"):
        autoconfig.choose_input_size(plan, replace(ROW.input_spec, square=True), [(32, 32)])
    plan.add_user({"model.input_size": [96]}, "given")
    with pytest.raises(UserError, match="height, width"):
        autoconfig.choose_input_size(plan, ROW.input_spec, [(32, 32)])


@pytest.mark.parametrize(("images", "expected"), [(3, 2), (100, 8), (100_000, 8)])
def test_batch_size_is_bound_by_images_and_memory(images: int, expected: int) -> None:
    plan = Plan()
    autoconfig.choose_batch_size(plan, InputSpec(height=448, width=448), images)
    assert plan["data.batch_size"] == expected


@pytest.mark.parametrize(("many", "expected"), [(10, False), (11, True)])
def test_very_unequal_classes_are_balanced(many: int, expected: bool) -> None:
    plan = Plan()
    autoconfig.choose_balance(plan, [[0]] * many + [[1]] * 2)
    assert plan["data.balance"] is expected
    times = f"has {many / 2:.1f} times the images of the least"
    assert plan.choices["data.balance"].reason == f"the most frequent class {times}"


@pytest.mark.parametrize(
    ("label_ids", "found"),
    [([[0], [0, 1]], "exactly one label"), ([[0], []], "exactly one label"), ([[1], [1]], "of one class")],
)
def test_balance_needs_classes_of_images(label_ids: list[list[int]], found: str) -> None:
    plan = Plan()
    autoconfig.choose_balance(plan, label_ids)
    assert plan["data.balance"] is False
    plan.add_user({"data.balance": True}, "given")
    with pytest.raises(UserError, match=found):
        autoconfig.choose_balance(plan, label_ids)


def test_epochs_shrink_as_data_grows() -> None:
    epochs = []
    for images in (100, 1000, 100_000):
        plan = Plan()
        plan.add_user({"model.pretrained": False, "data.batch_size": 8}, "given")
        autoconfig.choose_epochs(plan, images)
        epochs.append(plan["training.max_epochs"])
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[-1] >= 1


@pytest.mark.parametrize(("cores", "workers"), [(1, 0), (2, 0), (4, 2), (64, 8)])
def test_workers_leave_few_cores_to_the_training(monkeypatch: pytest.MonkeyPatch, cores: int, workers: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    plan = Plan()
    autoconfig.choose_workers(plan)
    assert plan["data.workers"] == workers
