"""An adapter with the least to write goes the whole way."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.tasks.multi_class_classification.decode import decode
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel


class Linear(OTXMultiClassClsModel):
    def create_model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, len(self.label_info)))

    def customize_inputs(self, batch: MultiClassClsBatchDataEntity) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}


@pytest.fixture
def model() -> Linear:
    torch.manual_seed(0)
    return Linear(LabelInfo(("cat", "dog", "emu")), InputSpec(height=8, width=8))


@pytest.fixture
def batch() -> MultiClassClsBatchDataEntity:
    images = torch.randint(0, 255, (2, 3, 8, 8), dtype=torch.uint8)
    return MultiClassClsBatchDataEntity(images, [ImageInfo(height=8, width=8)] * 2, torch.tensor([2, 0]))


def test_training_mode_gives_cross_entropy(model: Linear, batch: MultiClassClsBatchDataEntity) -> None:
    loss = model.train()(batch)
    assert isinstance(loss, OTXBatchLossEntity)
    logits = model.model(model.normalize(batch.images))
    torch.testing.assert_close(loss.total, nn.functional.cross_entropy(logits, batch.labels, label_smoothing=0.1))
    model.label_smoothing = 0.0
    assert model(batch).total != loss.total


def test_eval_mode_gives_what_the_exported_graph_and_decode_give(
    model: Linear, batch: MultiClassClsBatchDataEntity
) -> None:
    found = model.eval()(batch)
    assert isinstance(found, MultiClassClsBatchPredEntity)
    graph = model.export_graph()
    again = decode(graph(batch.images), batch.images, batch.imgs_info, **model.decode_settings())
    torch.testing.assert_close(found.scores, again.scores)
    traced = torch.jit.trace(graph, batch.images, strict=False)
    torch.testing.assert_close(traced(batch.images[:1]), graph(batch.images[:1]))
    assert model.threshold == 0.0
