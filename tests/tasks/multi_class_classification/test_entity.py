"""Classification samples, batches and records."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.multi_class_classification.entity import (
    MultiClassClsBatchDataEntity,
    MultiClassClsBatchPredEntity,
    MultiClassClsDataEntity,
)

LABELS = LabelInfo(tuple("abcdefg"))
INFO = ImageInfo(path="a.jpg", height=50, width=100)


def sample(label: torch.Tensor) -> MultiClassClsDataEntity:
    return MultiClassClsDataEntity(tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8)), INFO, label)


def test_a_batch_stacks_images_and_labels() -> None:
    batch = MultiClassClsBatchDataEntity.collate([sample(torch.tensor(2)), sample(torch.tensor(0))])
    assert batch.images.shape == (2, 3, 8, 8)
    assert batch.labels.tolist() == [2, 0]
    assert batch.truth_records(LABELS)[0] == {"image": "a.jpg", "width": 100, "height": 50, "labels": [{"label": "c"}]}


def test_records_hold_the_five_best_whatever_the_threshold() -> None:
    scores = torch.tensor([[0.05, 0.5, 0.1, 0.2, 0.02, 0.03, 0.1]])
    batch = MultiClassClsBatchPredEntity(torch.zeros(1, 3, 8, 8), [INFO], torch.tensor([1]), scores)
    labels = batch.records(LABELS, threshold=0.99)[0]["labels"]
    assert len(labels) == 5
    assert labels[0] == {"label": "b", "score": 0.5}


def test_several_labels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected one label, got \[1, 2\] for a.jpg"):
        sample(torch.tensor([1, 2]))
