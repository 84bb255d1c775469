"""Mask R-CNN beyond what the conformance kit asks of every model."""

from __future__ import annotations

import torch

from otx.core.label_info import LabelInfo
from otx.frameworks import catalog
from otx.frameworks.build import build_model


def test_a_network_that_has_diverged_does_not_end_the_process() -> None:
    row = next(row for row in catalog() if row.name == "torchvision/maskrcnn_resnet18_slim")
    model = build_model(row, LabelInfo(("cat", "dog")), row.input_spec.with_size(64, 64), pretrained=False)[0].eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
        raw = model.export_graph()(torch.zeros(1, 3, 64, 64))
    assert not raw["boxes"][..., 4].gt(0).any()
