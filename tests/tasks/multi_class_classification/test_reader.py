"""Exactly one label per image; anything else is told and left out."""

from __future__ import annotations

from typing import Any

import datumaro as dm
import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.multi_class_classification.reader import MultiClassClsReader

LABELS = LabelInfo(("cat", "dog"))


@pytest.mark.parametrize(
    ("annotations", "expected", "told"),
    [
        ([dm.Label(1)], 1, []),
        ([dm.Label(1), dm.Label(1)], 1, []),
        ([], None, ["image without a label left out"]),
        (
            [dm.Label(7)],
            None,
            ["label that the data set does not declare ignored: 7", "image without a label left out"],
        ),
        ([dm.Label(-1), dm.Label(1)], 1, ["label that the data set does not declare ignored: -1"]),
        ([dm.Label(1), dm.Label(0)], None, ["image with several labels left out: cat, dog"]),
        ([dm.Label(0), dm.Bbox(1, 1, 5, 5, label=1)], 0, ["annotation inside the image ignored: bbox"]),
    ],
)
def test_one_label_is_read(annotations: list[Any], expected: int | None, told: list[str]) -> None:
    reports: list[str] = []
    item = dm.DatasetItem(id="a", annotations=annotations)
    assert MultiClassClsReader().annotation(item, LABELS, (8, 8), reports.append) == expected
    assert reports == told


def test_labels_keep_the_order_of_the_data_set() -> None:
    categories = {dm.AnnotationType.label: dm.LabelCategories.from_iterable(["zebra", "ant"])}
    assert MultiClassClsReader().label_info(categories).names == ("zebra", "ant")


def test_the_sample_has_one_label() -> None:
    image = tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8))
    sample = MultiClassClsReader().entity(image, ImageInfo(height=8, width=8), 1)
    assert sample.label.ndim == 0
    assert sample.label.dtype == torch.int64
    assert MultiClassClsReader().label_ids(1) == [1]
