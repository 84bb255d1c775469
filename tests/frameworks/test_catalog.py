"""What every row must have, whatever its framework."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from otx.core.catalog import Catalog, ModelRow, by_tasks
from otx.core.errors import UserError
from otx.core.input_spec import ResizeMode
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.tasks import task_specs

ROWS = list(catalog())
PERMISSIVE = {"Apache-2.0", "MIT", "BSD-3-Clause"}
NETWORKS = list({row.name: row for row in ROWS}.values())
"""A name that serves several tasks is one network."""
CLASSES = {
    OTXTaskType.ACTION_CLASSIFICATION: 400,
    OTXTaskType.ANOMALY_CLASSIFICATION: 2,
    OTXTaskType.ANOMALY_DETECTION: 2,
    OTXTaskType.ANOMALY_SEGMENTATION: 2,
    OTXTaskType.DETECTION: 80,
    OTXTaskType.H_LABEL_CLS: 1000,
    OTXTaskType.INSTANCE_SEGMENTATION: 90,
    OTXTaskType.KEYPOINT_DETECTION: 1,
    OTXTaskType.MULTI_CLASS_CLS: 1000,
    OTXTaskType.MULTI_LABEL_CLS: 1000,
    OTXTaskType.ROTATED_DETECTION: 90,
    OTXTaskType.SEMANTIC_SEGMENTATION: 21,
    OTXTaskType.VISUAL_PROMPTING: 1,
}
PERSON = Skeleton(tuple(str(index) for index in range(17)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_licences_permit_use(row: ModelRow) -> None:
    assert row.licence in PERMISSIVE
    assert row.weights is None or row.weights.licence in PERMISSIVE


@pytest.mark.parametrize("row", NETWORKS, ids=lambda row: row.name)
def test_parameters_are_counted(row: ModelRow) -> None:
    labels = LabelInfo(tuple(f"label {index}" for index in range(CLASSES[row.task])), keypoints=PERSON)
    with torch.device("meta") if row.package == "timm" else torch.device("cpu"):
        model, _ = build_model(row, labels, row.input_spec, pretrained=False)
    assert sum(parameter.numel() for parameter in model.parameters()) == row.parameters


@pytest.mark.framework("anomalib", "smp", "timm", "torchvision", "transformers")
def test_defaults_of_the_tasks_are_rows() -> None:
    for spec in task_specs().values():
        names = {row.name for row in ROWS if row.task == spec.task}
        assert {spec.default_model, spec.default_model_from_scratch} <= names


def test_a_name_that_serves_several_tasks_is_one_network() -> None:
    by_name: dict[str, list[ModelRow]] = {}
    for row in ROWS:
        by_name.setdefault(row.name, []).append(row)
    for same in by_name.values():
        assert len({(row.arch, row.weights, row.input_spec.size, row.parameters) for row in same}) == 1
        assert len({(row.task, row.adapter) for row in same}) == len(same)
    assert sum(len(members) for members in by_tasks(ROWS).values()) == len(by_name)


@pytest.mark.framework("timm")
def test_labels_at_the_border_of_an_image_are_seen() -> None:
    specs = {row.task: row.input_spec for row in ROWS if row.name == "timm/resnet18"}
    assert specs[OTXTaskType.MULTI_CLASS_CLS].resize is ResizeMode.CENTER_CROP
    assert specs[OTXTaskType.MULTI_LABEL_CLS].resize is ResizeMode.STRETCH
    assert specs[OTXTaskType.MULTI_LABEL_CLS].whole() is specs[OTXTaskType.MULTI_LABEL_CLS]


def test_a_name_is_registered_once_for_a_task() -> None:
    several = Catalog()
    several.register(ROWS[0])
    several.register(dataclasses.replace(ROWS[0], task="ANOTHER"))
    with pytest.raises(UserError, match=f"{ROWS[0].name}' is registered twice for {ROWS[0].task}"):
        several.register(ROWS[0])
    with pytest.raises(UserError, match=f"solves {ROWS[0].task}, ANOTHER, but the task is A_THIRD"):
        several.get(ROWS[0].name, "A_THIRD")
