"""What queries say of the whole image becomes a box and the part of the mask inside it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo

pytest.importorskip("transformers")

from torch import nn

from otx.frameworks.transformers.mask_queries import CELLS, TransformersMaskQueries


class WithoutNetwork(TransformersMaskQueries):
    def create_model(self) -> nn.Module:
        return nn.Identity()


def test_boxes_span_masks_and_unsure_masks_score_less() -> None:
    masks = torch.full((1, 3, 16, 24), -9.0)
    masks[0, 0, 4:8, 6:18] = 3.0
    masks[0, 1, 4:8, 6:12] = 9.0
    classes = torch.tensor([[[0.0, 9, 0], [9, 0, 0], [9, 0, 0]]])
    model = WithoutNetwork(LabelInfo(("cat", "dog")), InputSpec(height=64, width=96))
    outputs = SimpleNamespace(masks_queries_logits=masks, class_queries_logits=classes)
    raw = model.raw_outputs(outputs, torch.zeros(1, 3, 64, 96))
    assert raw["boxes"][0, :2, :4].tolist() == [[24, 16, 48, 32], [24, 16, 72, 32]]
    assert raw["labels"][0, :2].tolist() == [0, 1]
    assert raw["masks"].shape == (1, 6, CELLS, CELLS)
    assert (raw["masks"][0, :2] > 0.5).float().mean() > 0.95
    empty = (raw["boxes"][0, :, :4] == 0).all(dim=1)
    assert empty.sum() == 2
    assert (raw["boxes"][0, empty, 4] == 0).all()  # a query without a mask is filling
