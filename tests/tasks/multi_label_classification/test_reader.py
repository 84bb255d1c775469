"""Which labels occur, of the image or of objects in it; oddities are told."""

from __future__ import annotations

from typing import Any

import datumaro as dm
import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.multi_label_classification.reader import MultiLabelClsReader

LABELS = LabelInfo(("cat", "dog", "emu"))


@pytest.mark.parametrize(
    ("annotations", "expected", "told"),
    [
        ([dm.Label(1), dm.Label(2), dm.Label(1)], [1, 2], []),
        ([], [], []),
        ([dm.Bbox(1, 1, 5, 5, label=2), dm.Polygon([1, 1, 5, 1, 5, 5], label=0)], [0, 2], []),
        ([dm.Label(7), dm.Label(0)], [0], ["label that the data set does not declare ignored: 7"]),
        ([dm.Bbox(1, 1, 5, 5), dm.Caption("a cat")], [], [f"annotation without a label ignored: {kind}"
                                                            for kind in ("bbox", "caption")]),
    ],
)  # fmt: skip
def test_labels_are_read(annotations: list[Any], expected: list[int], told: list[str]) -> None:
    reports: list[str] = []
    reader = MultiLabelClsReader()
    found = reader.annotation(dm.DatasetItem(id="a", annotations=annotations), LABELS, (8, 8), reports.append)
    assert reader.label_ids(found) == expected
    assert reports == told


def test_the_sample_says_for_each_label_whether_it_is_true() -> None:
    image = tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8))
    reader = MultiLabelClsReader()
    annotation = reader.annotation(dm.DatasetItem(id="a", annotations=[dm.Label(1)]), LABELS, (8, 8), print)
    sample = reader.entity(image, ImageInfo(height=8, width=8), annotation)
    assert sample.labels.tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"expected \(C,\) bool labels, got \(3,\) torch.float32"):
        type(sample)(image=image, img_info=sample.img_info, labels=torch.ones(3))
