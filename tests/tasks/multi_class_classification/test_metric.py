"""Classification metrics agree with scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as judge

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity
from otx.tasks.multi_class_classification.metric import MultiClassClsMetric


def add(metric: MultiClassClsMetric, scores: torch.Tensor, truth: torch.Tensor) -> None:
    images, infos = torch.zeros(len(truth), 3, 2, 2), [ImageInfo(height=2, width=2)] * len(truth)
    metric.update(
        MultiClassClsBatchPredEntity(images, infos, scores.argmax(dim=1), scores),
        MultiClassClsBatchDataEntity(images, infos, truth),
    )


@pytest.mark.parametrize("classes", [1, 2, 5, 6, 12])
def test_figures_are_those_of_scikit_learn(classes: int) -> None:
    names = tuple(f"class {index}" for index in range(classes))
    metric, generator = MultiClassClsMetric(LabelInfo(names)), torch.Generator().manual_seed(classes)
    truth = torch.randint(0, max(classes - 1, 1), (200,), generator=generator)  # the last class has no sample
    scores = (torch.rand(200, classes, generator=generator) + torch.eye(classes)[truth] * 0.4).softmax(dim=1)
    for part in range(0, 200, 64):
        add(metric, scores[part : part + 64], truth[part : part + 64])
    result, found = metric.compute(), scores.argmax(dim=1)

    assert result.values["accuracy"] == pytest.approx(judge.accuracy_score(truth, found))
    assert result.values["f1"] == pytest.approx(judge.f1_score(truth, found, average="macro"))
    assert ("accuracy_top5" in result.values) == (classes > 5)
    if classes > 5:
        expected = judge.top_k_accuracy_score(truth, scores, k=5, labels=range(classes))
        assert result.values["accuracy_top5"] == pytest.approx(expected)
    assert result.curves["confusion_matrix"] == judge.confusion_matrix(truth, found, labels=range(classes)).tolist()
    figures = judge.precision_recall_fscore_support(truth, found, labels=range(classes), zero_division=0)
    for name, precision, recall, f1 in zip(names, *figures[:3], strict=True):
        expected_row = {"accuracy": recall, "precision": precision, "recall": recall, "f1": f1}
        assert result.per_class[name] == pytest.approx(expected_row)


def test_a_class_that_never_occurs_is_left_out() -> None:
    metric = MultiClassClsMetric(LabelInfo(("cat", "dog", "emu")))
    add(metric, torch.eye(3)[[0, 1]], torch.tensor([0, 1]))
    result = metric.compute()
    assert result.values == {"accuracy": 1.0, "f1": 1.0}
    assert set(result.per_class) == {"cat", "dog"}


def test_reset_forgets_and_nothing_gives_zero() -> None:
    metric = MultiClassClsMetric(LabelInfo(("cat", "dog")))
    add(metric, torch.eye(2), torch.tensor([0, 1]))
    metric.reset()
    result = metric.compute()
    assert result.values == {"accuracy": 0.0, "f1": 0.0}
    json.dumps(result.curves)
    assert np.array(result.curves["confusion_matrix"]).sum() == 0
