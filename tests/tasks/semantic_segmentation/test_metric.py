"""Figures of segmentation agree with scikit-learn, pixel by pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as judge
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import IGNORED
from otx.tasks.semantic_segmentation.entity import SegBatchDataEntity, SegBatchPredEntity
from otx.tasks.semantic_segmentation.metric import SegmentationMetric


def add(metric: SegmentationMetric, predicted: list[torch.Tensor], truth: list[torch.Tensor]) -> None:
    images = torch.zeros(len(truth), 3, 2, 2)
    infos = [ImageInfo(height=mask.shape[0], width=mask.shape[1]) for mask in truth]
    sides = [[tv_tensors.Mask(mask.to(torch.uint8)) for mask in masks] for masks in (predicted, truth)]
    metric.update(SegBatchPredEntity(images, infos, sides[0]), SegBatchDataEntity(images, infos, sides[1]))


@pytest.mark.parametrize("classes", [1, 2, 7])
def test_figures_are_those_of_scikit_learn(classes: int) -> None:
    names = tuple(f"class {index}" for index in range(classes))
    metric, generator = SegmentationMetric(LabelInfo(names)), torch.Generator().manual_seed(classes)
    truths, founds = [], []
    for height, width in ((8, 11), (20, 5), (9, 9)):  # images of several sizes; the last class has no pixel
        truth = torch.randint(0, max(classes - 1, 1), (height, width), generator=generator)
        wrong = torch.rand(height, width, generator=generator) < 0.3
        found = torch.where(wrong, torch.randint(0, classes, truth.shape, generator=generator), truth)
        truth[torch.rand(height, width, generator=generator) < 0.2] = IGNORED
        add(metric, [found], [truth])
        founds.append(found[truth != IGNORED])
        truths.append(truth[truth != IGNORED])
    truth, found, result = torch.cat(truths), torch.cat(founds), metric.compute()

    present = sorted({*truth.tolist(), *found.tolist()})
    iou = judge.jaccard_score(truth, found, labels=present, average=None)
    dice = judge.f1_score(truth, found, labels=present, average=None)
    recall = judge.recall_score(truth, found, labels=present, average=None, zero_division=0)
    expected = {"miou": np.mean(iou), "dice": np.mean(dice), "accuracy": judge.accuracy_score(truth, found)}
    assert result.values == pytest.approx(expected)
    for label, *figures in zip(present, iou, dice, recall, strict=True):
        assert result.per_class[names[label]] == pytest.approx(
            dict(zip(("iou", "dice", "accuracy"), figures, strict=True))
        )
    matrix = judge.confusion_matrix(truth, found, labels=range(classes)).tolist()
    assert result.curves["confusion_matrix"] == matrix


def test_a_class_that_never_occurs_is_left_out() -> None:
    metric = SegmentationMetric(LabelInfo(("cat", "dog", "emu")))
    add(metric, [torch.tensor([[0, 1, 2]])], [torch.tensor([[0, 1, IGNORED]])])  # what is found there does not count
    result = metric.compute()
    assert result.values == {"miou": 1.0, "dice": 1.0, "accuracy": 1.0}
    assert set(result.per_class) == {"cat", "dog"}


def test_reset_forgets_and_nothing_gives_zero() -> None:
    metric = SegmentationMetric(LabelInfo(("cat", "dog")))
    add(metric, [torch.tensor([[0, 1]])], [torch.tensor([[1, 1]])])
    metric.reset()
    add(metric, [torch.tensor([[0, 1]])], [torch.tensor([[IGNORED, IGNORED]])])
    assert metric.compute().values == {"miou": 0.0, "dice": 0.0, "accuracy": 0.0}
    json.dumps(metric.compute().per_class)
