"""Labels with those above them; images that contradict the tree are told and left out."""

from __future__ import annotations

from typing import Any

import datumaro as dm
import numpy as np
import pytest
import torch
from tests.tasks.hierarchical_classification.trees import NAMES, TREE, flags
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelGroup, LabelInfo
from otx.tasks.hierarchical_classification.reader import HLabelClsReader


def label(name: str) -> dm.Label:
    return dm.Label(NAMES.index(name))


@pytest.mark.parametrize(
    ("annotations", "expected", "told"),
    [
        ([label("kiwi")], flags("fruit", "kiwi"), []),
        ([label("kiwi"), label("fruit"), label("ripe"), label("old")], flags("fruit", "kiwi", "ripe", "old"), []),
        ([label("veg")], flags("veg"), []),
        ([label("old")], flags("old"), []),
        ([label("kiwi"), dm.Bbox(1, 1, 4, 4, label=0)], flags("fruit", "kiwi"),
         ["annotation inside the image ignored: bbox"]),
        ([label("veg"), dm.Label(99)], flags("veg"), ["label that the data set does not declare ignored: 99"]),
        ([], None, ["image without a label left out"]),
        ([label("kiwi"), label("apple")], None,
         ["image with labels that exclude each other left out: apple, kiwi"]),
        ([label("kiwi"), label("veg")], None, ["image with labels that exclude each other left out: fruit, veg"]),
    ],
)  # fmt: skip
def test_labels_are_read(annotations: list[Any], expected: list[bool] | None, told: list[str]) -> None:
    reports: list[str] = []
    found = HLabelClsReader().annotation(dm.DatasetItem(id="a", annotations=annotations), TREE, (8, 8), reports.append)
    assert (None if found is None else found.tolist()) == expected
    assert reports == told


def test_an_image_without_labels_is_legal_where_no_label_must_be_true() -> None:
    labels = LabelInfo(("a", "b"), (LabelGroup("x", ("a", "b"), exclusive=False),))
    found = HLabelClsReader().annotation(dm.DatasetItem(id="a"), labels, (8, 8), print)
    assert found is not None
    assert not found.any()


def test_the_sample_says_for_each_label_whether_it_is_true() -> None:
    image = tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8))
    reader, annotation = HLabelClsReader(), np.array(flags("fruit", "kiwi"))
    sample = reader.entity(image, ImageInfo(height=8, width=8), annotation)
    assert sample.labels.tolist() == annotation.tolist()
    assert reader.label_ids(annotation) == [2, 3]
    with pytest.raises(ValueError, match=r"expected \(C,\) bool labels, got \(8,\) torch.float32"):
        type(sample)(image=image, img_info=sample.img_info, labels=torch.ones(8))
