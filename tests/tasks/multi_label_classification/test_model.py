"""The loss is the paper's, and thresholds reach predictions, graph and transfer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.core.transfer import transfer
from otx.tasks.multi_label_classification.decode import decode
from otx.tasks.multi_label_classification.entity import MultiLabelClsBatchDataEntity, MultiLabelClsBatchPredEntity
from otx.tasks.multi_label_classification.model import OTXMultiLabelClsModel, asymmetric_loss

LABELS = LabelInfo(("cat", "dog", "emu"))


class Linear(OTXMultiLabelClsModel):
    def create_model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, len(self.label_info)))

    def customize_inputs(self, batch: MultiLabelClsBatchDataEntity) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        rows = {f"model.1.{kind}": torch.arange(labels).unsqueeze(1) for kind in ("weight", "bias")}
        return {**super().label_rows(labels), **rows}


@pytest.fixture
def model() -> Linear:
    torch.manual_seed(0)
    return Linear(LABELS, InputSpec(height=8, width=8))


@pytest.fixture
def batch() -> MultiLabelClsBatchDataEntity:
    images = torch.randint(0, 255, (2, 3, 8, 8), dtype=torch.uint8)
    truth = torch.tensor([[True, False, True], [False, False, False]])
    return MultiLabelClsBatchDataEntity(images, [ImageInfo(path="a", height=8, width=8)] * 2, truth)


def validated(**thresholds: float) -> MetricResult:
    return MetricResult({}, {name: {"f1_threshold": value} for name, value in thresholds.items()})


def test_loss_is_that_of_the_paper() -> None:
    logits = torch.tensor([[2.0, -1.0, -4.0, 30.0]], dtype=torch.float64)
    truth = torch.tensor([[True, False, False, False]])
    p = logits.sigmoid()
    kept = (p - 0.05).clamp_min(0)
    expected = torch.where(truth, -p.log(), -(kept**4) * (1 - kept).log())
    torch.testing.assert_close(asymmetric_loss(logits, truth, 4.0, 0.05), expected)
    assert asymmetric_loss(logits, truth, 4.0, 0.05)[0, 2] == 0  # below the margin
    plain = nn.functional.binary_cross_entropy_with_logits(logits[:, :3], truth[:, :3].double(), reduction="none")
    torch.testing.assert_close(asymmetric_loss(logits[:, :3], truth[:, :3], 0.0, 0.0), plain)


def test_loss_is_finite_where_the_network_is_sure_and_wrong() -> None:
    logits = torch.tensor([[90.0, -90.0]], requires_grad=True)
    loss = asymmetric_loss(logits, torch.tensor([[False, True]]), 4.0, 0.0).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


def test_training_mode_gives_the_loss_whatever_the_thresholds(
    model: Linear, batch: MultiLabelClsBatchDataEntity
) -> None:
    before = model.train()(batch)
    assert isinstance(before, OTXBatchLossEntity)
    model.adopt_validation(validated(cat=0.1))
    assert model(batch).total == before.total


def test_thresholds_move_scores_and_keep_their_order(model: Linear, batch: MultiLabelClsBatchDataEntity) -> None:
    plain = model.eval()(batch).scores
    model.adopt_validation(validated(cat=0.2, dog=0.9))
    torch.testing.assert_close(model.thresholds, torch.tensor([0.2, 0.9, 0.5]))
    found = model(batch)
    assert isinstance(found, MultiLabelClsBatchPredEntity)
    assert torch.equal(found.labels, plain >= model.thresholds)
    assert torch.equal(found.scores.argsort(dim=0), plain.argsort(dim=0))
    torch.testing.assert_close(found.scores[:, 2], plain[:, 2])
    # A second validation sees scores that are counted from these thresholds, and a quarter above 0.2 is back at 0.5.
    model.adopt_validation(validated(cat=0.8, dog=0.5))
    torch.testing.assert_close(model.thresholds, torch.tensor([0.5, 0.9, 0.5]))
    model.adopt_validation(validated(cat=1e-9))
    assert float(model.thresholds[0]) == pytest.approx(0.01)


def test_the_exported_graph_and_decode_give_the_same(model: Linear, batch: MultiLabelClsBatchDataEntity) -> None:
    model.adopt_validation(validated(cat=0.2))
    found = model.eval()(batch)
    graph = model.export_graph()
    again = decode(graph(batch.images), batch.images, batch.imgs_info, **model.decode_settings())
    torch.testing.assert_close(found.scores, again.scores)
    traced = torch.jit.trace(graph, batch.images, strict=False)
    torch.testing.assert_close(traced(batch.images[:1]), graph(batch.images[:1]))


def test_records_hold_the_labels_above_the_threshold(model: Linear, batch: MultiLabelClsBatchDataEntity) -> None:
    found = model.eval()(batch)
    found.scores = torch.tensor([[0.6, 0.2, 0.9], [0.1, 0.2, 0.3]])
    assert model.threshold == 0.5
    first, second = found.records(LABELS, model.threshold)
    assert first["labels"] == [{"label": "emu", "score": 0.9}, {"label": "cat", "score": 0.6}]
    assert second["labels"] == []
    assert len(found.records(LABELS, 0.0)[1]["labels"]) == 3
    assert batch.truth_records(LABELS)[0]["labels"] == [{"label": "cat"}, {"label": "emu"}]


def test_thresholds_follow_their_labels(model: Linear) -> None:
    model.adopt_validation(validated(cat=0.2, emu=0.7))
    other = Linear(LabelInfo(("emu", "gnu", "cat")), model.input_spec)
    transfer(other, model.state_dict(), LABELS)
    torch.testing.assert_close(other.thresholds, torch.tensor([0.7, 0.5, 0.2]))
