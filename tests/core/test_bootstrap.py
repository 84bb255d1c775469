"""Figures over choices of the images are those of a data set that has the images so often."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from otx.core.bootstrap import DRAWS, bootstrap, interval
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.frameworks import catalog
from otx.tasks import task_specs
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity
from otx.tasks.multi_class_classification.metric import MultiClassClsMetric
from otx.testing.subject import make_subject

LABELS = LabelInfo(("cat", "dog", "emu"))
TIMES = np.array([2, 0, 3, 1, 0, 1])
SMALLEST = {
    str(task): min(rows, key=lambda row: row.parameters) for task in task_specs() if (rows := catalog().find(task))
}
FAST = {"MULTI_CLASS_CLS", "MULTI_LABEL_CLS", "H_LABEL_CLS", "DETECTION"}
SIZES = {"SEMANTIC_SEGMENTATION": (128, 128)}  # masks are compared in pixels of the images, which are so large


def classified(true: list[int], found: list[int]) -> MultiClassClsMetric:
    metric = MultiClassClsMetric(LABELS)
    images, infos = torch.zeros(len(true), 3, 8, 8), [ImageInfo(height=8, width=8)] * len(true)
    scores = torch.nn.functional.one_hot(torch.tensor(found), 3).float()
    metric.update(
        MultiClassClsBatchPredEntity(images, infos, torch.tensor(found), scores),
        MultiClassClsBatchDataEntity(images, infos, torch.tensor(true)),
    )
    return metric


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=() if task in FAST else pytest.mark.slow) for task in SMALLEST]
)
def test_counting_an_image_twice_is_having_it_twice(task: str) -> None:
    """On real samples and what the smallest model of the task says of them, after nothing or a little noise."""
    subject = make_subject(SMALLEST[task], SIZES.get(task), images=len(TIMES))
    model = subject.model.train()
    with torch.no_grad():
        model(subject.batch)
    model.finish_epoch()
    pairs: list[tuple[Any, Any]] = []
    for sample in subject.samples:
        batch = subject.collate([sample])
        with torch.inference_mode():
            pairs.append((model.eval()(batch), batch))
    counted, repeated = (subject.spec.load("metric")(model.label_info) for _ in range(2))
    for times, pair in zip(TIMES, pairs, strict=True):
        counted.update(*pair)
        for _ in range(times):
            repeated.update(*pair)
    assert (counted.images, repeated.images) == (len(TIMES), TIMES.sum())
    values = counted.values(TIMES)
    assert values == pytest.approx({name: repeated.compute().values[name] for name in values})
    assert counted.values() == pytest.approx({name: counted.compute().values[name] for name in values})


def test_the_interval_of_a_share_is_the_one_of_the_text_book() -> None:
    right = 140
    draws = bootstrap(classified([0] * 200, [0] * right + [1] * (200 - right)))["accuracy"]
    low, high = interval(draws)
    half = 1.96 * (0.7 * 0.3 / 200) ** 0.5
    assert len(draws) == DRAWS
    assert (low, high) == pytest.approx((0.7 - half, 0.7 + half), abs=0.015)


def test_draws_of_two_models_on_the_same_images_make_pairs() -> None:
    true = [0, 1, 2, 0, 1, 2] * 5
    one, same = bootstrap(classified(true, true)), bootstrap(classified(true, true))
    other = bootstrap(classified(true, [0] * 30))
    assert one == same
    assert set(one["accuracy"]) == {1.0}
    assert len(set(other["accuracy"])) > 5


def test_a_handful_of_images_gets_no_interval() -> None:
    assert bootstrap(classified([0, 1, 2], [0, 1, 1])) == {}
