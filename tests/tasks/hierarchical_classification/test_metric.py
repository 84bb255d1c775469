"""Accuracy by level and hierarchical F1; what is not known does not count."""

from __future__ import annotations

import pytest
import torch
from tests.tasks.hierarchical_classification.trees import TREE, flags

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.tasks.hierarchical_classification.entity import HLabelClsBatchDataEntity, HLabelClsBatchPredEntity
from otx.tasks.hierarchical_classification.metric import HLabelClsMetric


def measured(*pairs: tuple[list[bool], list[bool]], labels: LabelInfo = TREE) -> MetricResult:
    """Result over pairs of truth and prediction, in batches of two."""
    metric = HLabelClsMetric(labels)
    for start in range(0, len(pairs), 2):
        truth, found = (torch.tensor(side) for side in zip(*pairs[start : start + 2], strict=True))
        images, infos = torch.zeros(len(truth), 3, 1, 1), [ImageInfo(height=1, width=1)] * len(truth)
        prediction = HLabelClsBatchPredEntity(images, infos, labels=found, scores=found.float())
        metric.update(prediction, HLabelClsBatchDataEntity(images, infos, labels=truth))
    return metric.compute()


def test_levels_and_paths() -> None:
    result = measured(
        (flags("fruit", "kiwi"), flags("fruit", "kiwi")),
        (flags("fruit", "kiwi"), flags("fruit", "apple")),
        (flags("fruit", "kiwi", "ripe"), flags("veg", "leek")),
        (flags("bird", "old"), flags("bird", "old")),
    )
    assert list(result.values) == ["accuracy", "accuracy_level_1", "accuracy_level_2", "hierarchical_f1"]
    assert result.values["accuracy"] == 2 / 4
    assert result.values["accuracy_level_1"] == 7 / 8  # kind and age of four images, one kind wrong
    assert result.values["accuracy_level_2"] == 3 / 6  # which and state of three fruits
    hits, truths, found = 2 + 1 + 0 + 2, 2 + 2 + 3 + 2, 2 + 2 + 2 + 2
    assert result.values["hierarchical_f1"] == pytest.approx(2 * hits / (truths + found))
    assert result.per_class["kiwi"] == pytest.approx({"precision": 1.0, "recall": 1 / 3, "f1": 0.5})


def test_answers_that_nobody_gave_do_not_count() -> None:
    unknown_child = measured((flags("fruit"), flags("fruit", "kiwi")))
    assert unknown_child.values["accuracy"] == unknown_child.values["hierarchical_f1"] == 1.0
    unknown_root = measured((flags("old"), flags("old", "fruit", "kiwi", "ripe")))
    assert unknown_root.values["accuracy"] == unknown_root.values["hierarchical_f1"] == 1.0


def test_labels_that_never_occur_are_left_out() -> None:
    result = measured((flags("bird"), flags("bird")))
    assert set(result.per_class) == {"bird"}


def test_no_images_and_one_label_only() -> None:
    assert set(HLabelClsMetric(TREE).compute().values.values()) == {0.0}
    one = measured(([True], [True]), ([False], [True]), labels=LabelInfo(("a",)))
    assert one.values == pytest.approx({"accuracy": 0.5, "hierarchical_f1": 2 / 3})
