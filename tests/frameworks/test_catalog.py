"""What every row must have, whatever its framework."""

from __future__ import annotations

import pytest
import torch

from otx.core.catalog import ModelRow
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.tasks import task_specs

ROWS = list(catalog())
PERMISSIVE = {"Apache-2.0", "MIT", "BSD-3-Clause"}
CLASSES = {
    OTXTaskType.ACTION_CLASSIFICATION: 400,
    OTXTaskType.DETECTION: 80,
    OTXTaskType.KEYPOINT_DETECTION: 1,
    OTXTaskType.MULTI_CLASS_CLS: 1000,
    OTXTaskType.SEMANTIC_SEGMENTATION: 21,
}
PERSON = Skeleton(tuple(str(index) for index in range(17)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_licences_permit_use(row: ModelRow) -> None:
    assert row.licence in PERMISSIVE
    assert row.weights is None or row.weights.licence in PERMISSIVE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_parameters_are_counted(row: ModelRow) -> None:
    labels = LabelInfo(tuple(f"label {index}" for index in range(CLASSES[row.task])), keypoints=PERSON)
    with torch.device("meta") if row.package == "timm" else torch.device("cpu"):
        model, _ = build_model(row, labels, row.input_spec, pretrained=False)
    assert sum(parameter.numel() for parameter in model.parameters()) == row.parameters


def test_defaults_of_the_tasks_are_rows() -> None:
    names = {row.name for row in ROWS}
    for spec in task_specs().values():
        assert {spec.default_model, spec.default_model_from_scratch} <= names
