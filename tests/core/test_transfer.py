"""Taking over weights between label sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.transfer import require_fit, transfer
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel

SPEC = InputSpec(height=8, width=8)


class Toy(OTXMultiClassClsModel):
    """Two anchors with a background class each, to have rows that belong to no label."""

    def create_model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 16), nn.Linear(16, 2 * (len(self.label_info) + 1)))

    def customize_inputs(self, batch: MultiClassClsBatchDataEntity) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        rows = torch.arange(labels).unsqueeze(1) + torch.tensor([[1, labels + 2]])
        return {"model.2.weight": rows, "model.2.bias": rows}


def test_rows_follow_their_labels_and_the_background_is_kept() -> None:
    before = Toy(LabelInfo(("a", "b", "c")), SPEC)
    after = Toy(LabelInfo(("x", "c", "a", "y", "b")), SPEC)
    fresh = after.model[2].weight.detach().clone()
    report = transfer(after, before.state_dict(), before.label_info)
    assert (report.kept_labels, report.new_labels, report.dropped_labels) == (("c", "a", "b"), ("x", "y"), ())
    assert report.coverage == 1.0
    assert not report.fresh
    old, new = before.model[2].weight, after.model[2].weight
    # Rows: background, labels; for two anchors.
    assert torch.equal(new[[0, 2, 3, 5]], old[[0, 3, 1, 2]])
    assert torch.equal(new[[6, 8, 9, 11]], old[[4, 7, 5, 6]])
    assert torch.equal(new[[1, 4, 7, 10]], fresh[[1, 4, 7, 10]])

    images = torch.rand(2, 3, 8, 8) * 255
    with torch.no_grad():
        ours, theirs = (model.model(model.normalize(images)) for model in (before, after))
    assert torch.equal(theirs[:, [2, 3, 5]], ours[:, [3, 1, 2]])


def test_dropped_labels_are_reported() -> None:
    before, after = Toy(LabelInfo(("a", "b", "c")), SPEC), Toy(LabelInfo(("b",)), SPEC)
    report = transfer(after, before.state_dict(), before.label_info)
    assert report.dropped_labels == ("a", "c")
    assert "2 labels dropped: a, c" in report.lines()


def test_rows_of_unknown_labels_are_not_taken_even_if_the_shape_fits() -> None:
    before, after = Toy(LabelInfo(("a", "b")), SPEC), Toy(LabelInfo(("c", "d")), SPEC)
    report = transfer(after, before.state_dict(), None)
    assert set(report.fresh) == {"model.2.weight", "model.2.bias"}
    assert not torch.equal(before.model[2].weight, after.model[2].weight)
    assert torch.equal(before.model[1].weight, after.model[1].weight)


def test_weights_of_another_model_are_refused() -> None:
    model = Toy(LabelInfo(("a", "b")), SPEC)
    report = transfer(model, {"model.stem.weight": torch.zeros(3)}, None)
    assert report.coverage == 0.0
    with pytest.raises(UserError, match=r"file\.pth are not for this model.*found 0%.*model\.1\.weight.*stem"):
        require_fit(report, "file.pth")
