"""Torchvision's segmenters take torchvision's weights."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import get_model  # noqa: TID251 - its own file is what is tested

from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks.build import build_model
from otx.frameworks.torchvision.catalog import ROWS

SEGMENTERS = [row for row in ROWS if row.task is OTXTaskType.SEMANTIC_SEGMENTATION]


@pytest.mark.parametrize("row", SEGMENTERS, ids=lambda row: row.name)
def test_the_published_file_fits_but_for_its_head(row, torch_hub, monkeypatch) -> None:
    published = get_model(row.arch, weights=None, weights_backbone=None, num_classes=21, aux_loss="deeplab" in row.arch)
    monkeypatch.setattr("otx.frameworks.build.fetch", lambda weights: published.state_dict())
    model, report = build_model(row, LabelInfo(("a", "b")), row.input_spec, pretrained=True)
    assert report.coverage == 1.0
    key = "backbone.0.0.weight"
    assert torch.equal(model.state_dict()[f"model.{key}"], published.state_dict()[key])
    assert all(len(model.state_dict()[key]) == 2 for key in model.label_rows(2))
