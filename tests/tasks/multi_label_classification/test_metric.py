"""Figures agree with scikit-learn, and labels that never occur do not count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.multi_label_classification.entity import MultiLabelClsBatchDataEntity, MultiLabelClsBatchPredEntity
from otx.tasks.multi_label_classification.metric import MultiLabelClsMetric

LABELS = LabelInfo(("cat", "dog", "never", "always"))


def batches(
    scores: torch.Tensor, truth: torch.Tensor
) -> tuple[MultiLabelClsBatchPredEntity, MultiLabelClsBatchDataEntity]:
    images, infos = torch.zeros(len(truth), 3, 1, 1), [ImageInfo(height=1, width=1)] * len(truth)
    prediction = MultiLabelClsBatchPredEntity(images, infos, labels=scores >= 0.5, scores=scores)
    return prediction, MultiLabelClsBatchDataEntity(images, infos, labels=truth)


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(60, 4, generator=generator) < 0.3
    truth[:, 2], truth[:, 3] = False, True
    scores = (truth * 0.3 + torch.rand(60, 4, generator=generator) * 0.7).round(decimals=1)  # with ties
    return scores, truth


def test_figures_are_those_of_scikit_learn(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, truth = data
    metric = MultiLabelClsMetric(LABELS)
    for start in range(0, 60, 25):
        metric.update(*batches(scores[start : start + 25], truth[start : start + 25]))
    result = metric.compute()
    assert set(result.per_class) == {"cat", "dog", "always"}
    seen = [0, 1, 3]
    for index in seen:
        figures = result.per_class[LABELS.names[index]]
        t, s = truth[:, index].numpy(), scores[:, index].double().numpy()
        assert figures["ap"] == pytest.approx(average_precision_score(t, s))
        assert figures["f1"] == pytest.approx(f1_score(t, s >= 0.5))
        assert figures["f1_best"] == pytest.approx(max(f1_score(t, s >= x) for x in np.unique(s)))
        assert figures["f1_best"] == pytest.approx(f1_score(t, s >= figures["f1_threshold"]))
        assert not (s == figures["f1_threshold"]).any()
    for name, value in result.values.items():
        own = {"map": "ap"}.get(name, name)
        assert value == pytest.approx(np.mean([figures[own] for figures in result.per_class.values()]))


def test_nothing_true_gives_zeros(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    metric = MultiLabelClsMetric(LABELS)
    metric.update(*batches(data[0], torch.zeros(60, 4, dtype=torch.bool)))
    assert metric.compute().values == {"map": 0.0, "f1": 0.0, "f1_best": 0.0}
    assert metric.compute().per_class == {}


def test_one_label_only() -> None:
    metric = MultiLabelClsMetric(LabelInfo(("cat",)))
    metric.update(*batches(torch.tensor([[0.9], [0.4], [0.2]]), torch.tensor([[True], [True], [False]])))
    assert metric.compute().values == pytest.approx({"map": 1.0, "f1": 2 / 3, "f1_best": 1.0})
    assert metric.compute().per_class["cat"]["f1_threshold"] == pytest.approx(0.3)
