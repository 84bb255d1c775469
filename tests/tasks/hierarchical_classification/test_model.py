"""The loss is the likelihood of what is known, and predictions are paths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.tasks.hierarchical_classification.trees import NAMES, TREE, flags
from torch import nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.tasks.hierarchical_classification.decode import columns, decode
from otx.tasks.hierarchical_classification.entity import HLabelClsBatchDataEntity, HLabelClsBatchPredEntity
from otx.tasks.hierarchical_classification.model import OTXHLabelClsModel


class Linear(OTXHLabelClsModel):
    label_smoothing = 0.0

    def create_model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, len(self.label_info)))

    def customize_inputs(self, batch: HLabelClsBatchDataEntity) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}


@pytest.fixture
def model() -> Linear:
    torch.manual_seed(0)
    return Linear(TREE, InputSpec(height=8, width=8))


def batch_of(*truths: list[bool]) -> HLabelClsBatchDataEntity:
    images = torch.randint(0, 255, (len(truths), 3, 8, 8), dtype=torch.uint8)
    return HLabelClsBatchDataEntity(
        images, [ImageInfo(path="a", height=8, width=8)] * len(truths), torch.tensor(truths)
    )


def predicted(**logits: float) -> HLabelClsBatchPredEntity:
    """Prediction from logits by name; others are 0."""
    groups = Linear(TREE, InputSpec(height=8, width=8)).decode_settings()["groups"]
    row = torch.tensor([[logits.get(name, 0.0) for name in NAMES]])
    info = [ImageInfo(path="a", height=8, width=8)]
    return decode({"logits": row[:, columns(groups)]}, torch.zeros(1, 3, 8, 8), info, groups=groups)


def names_of(found: HLabelClsBatchPredEntity, threshold: float = 0.0) -> list[str]:
    return [entry["label"] for entry in found.records(TREE, threshold)[0]["labels"]]


def test_loss_is_the_likelihood_of_the_path(model: Linear) -> None:
    batch = batch_of(flags("fruit", "kiwi"))
    losses = model.train()(batch)
    assert isinstance(losses, OTXBatchLossEntity)
    by_name = dict(zip(NAMES, model.model(model.normalize(batch.images))[0], strict=True))

    def stack(*names: str) -> torch.Tensor:
        return torch.stack([by_name[name] for name in names])

    kind = stack("fruit", "veg", "bird").log_softmax(0)[0]
    which = stack("kiwi", "apple").log_softmax(0)[0]
    torch.testing.assert_close(losses.losses["cross_entropy"], -(kind + which))
    # Neither old nor ripe, which is known below fruit; of a leek nothing is said here.
    alone = nn.functional.logsigmoid(-stack("old", "ripe")).sum()
    torch.testing.assert_close(losses.losses["binary_cross_entropy"], -alone)


def test_what_is_not_known_is_not_learned(model: Linear) -> None:
    model.train()(batch_of(flags("fruit"), flags("bird", "old"))).total.backward()
    learned = {name for name, row in zip(NAMES, model.model[1].weight.grad, strict=True) if row.any()}
    assert learned == {"fruit", "veg", "bird", "old", "ripe"}


def test_predictions_are_paths() -> None:
    found = predicted(fruit=2.0, kiwi=1.0, leek=9.0, old=-1.0, ripe=3.0)
    assert names_of(found) == ["fruit", "kiwi", "ripe"]
    assert names_of(predicted(bird=2.0, kiwi=9.0, ripe=9.0)) == ["bird"]
    assert names_of(predicted(veg=1.0, leek=-1.0, old=1.0)) == ["old", "veg"]
    scores = {entry["label"]: entry["score"] for entry in found.records(TREE, 0.0)[0]["labels"]}
    assert scores["kiwi"] == pytest.approx(torch.tensor([1.0, 0.0]).softmax(0)[0].item(), abs=1e-5)


def test_below_a_label_that_is_left_out_nothing_is_shown() -> None:
    found = predicted(fruit=0.1, kiwi=9.0, old=9.0)
    assert names_of(found, 0.9) == ["old"]


def test_random_predictions_are_consistent(model: Linear) -> None:
    nn.init.normal_(model.model[1].weight, std=0.2)
    found = model.eval()(batch_of(*[flags()] * 64))
    for row in found.labels.tolist():
        true = {name for name, flag in zip(NAMES, row, strict=True) if flag}
        assert len(true & {"fruit", "veg", "bird"}) == 1
        assert len(true & {"apple", "kiwi"}) == ("fruit" in true)
        assert all(set(TREE.path(name)) <= true for name in true)
    assert {tuple(row) for row in found.labels.tolist()} > {tuple(flags("bird"))}


def test_the_exported_graph_and_decode_give_the_same(model: Linear) -> None:
    batch = batch_of(flags("bird"), flags("veg"))
    found = model.eval()(batch)
    graph = model.export_graph()
    again = decode(graph(batch.images), batch.images, batch.imgs_info, **model.decode_settings())
    torch.testing.assert_close(found.scores, again.scores)
    assert torch.equal(found.labels, again.labels)
    traced = torch.jit.trace(graph, batch.images, strict=False)
    torch.testing.assert_close(traced(batch.images[:1]), graph(batch.images[:1]))


def test_labels_without_a_tree_exclude_each_other() -> None:
    model = Linear(LabelInfo(("a", "b", "c")), InputSpec(height=8, width=8)).eval()
    batch = HLabelClsBatchDataEntity(
        torch.zeros(2, 3, 8, 8), [ImageInfo(height=8, width=8)] * 2, torch.zeros(2, 3).bool()
    )
    assert model(batch).labels.sum(dim=1).tolist() == [1, 1]


def test_truth_is_told_in_the_order_of_the_tree() -> None:
    (record,) = batch_of(flags("kiwi", "fruit", "old")).truth_records(TREE)
    assert record["labels"] == [{"label": "fruit"}, {"label": "kiwi"}, {"label": "old"}]
