"""Datasets of the user's own are taken as they are, and what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision import tv_tensors

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.data.own import OwnData, own_index
from otx.engine import Engine
from otx.tasks.multi_class_classification.entity import MultiClassClsDataEntity
from otx.tasks.multi_label_classification.entity import MultiLabelClsDataEntity
from otx.tasks.semantic_segmentation.entity import SegDataEntity

LABELS = ("cat", "dog")


def image(channels=3, dtype=torch.uint8):
    return {
        "image": tv_tensors.Image(torch.ones(channels, 8, 12, dtype=dtype)),
        "img_info": ImageInfo(height=1, width=1),
    }


def cls(label, **kinds):
    return MultiClassClsDataEntity(**image(**kinds), label=torch.tensor(label))


def data(train, val=None, *, task="MULTI_CLASS_CLS", labels=LABELS):
    return OwnData(task=task, labels=labels, train=train, val=train[:1] if val is None else val)


def test_the_index_knows_sizes_and_labels() -> None:
    index = own_index(data([cls(0), cls(1), cls(1)]), MultiClassClsDataEntity)
    assert index.class_counts == {"train": (1, 2), "val": (1, 0), "test": (0, 0)}
    assert {(item.height, item.width) for item in index.subsets["train"]} == {(8, 12)}
    sample = index.subsets["train"][2].sample(2)
    assert sample.img_info == ImageInfo(index=2, path="train/000002", height=8, width=12)
    assert sample.label == 1


@pytest.mark.parametrize(
    ("sample", "counts"),
    [
        (MultiLabelClsDataEntity(**image(), labels=torch.tensor([False, True])), (0, 1)),
        (SegDataEntity(**image(), mask=tv_tensors.Mask(torch.tensor([[0, 255], [1, 1]], dtype=torch.uint8))), (1, 1)),
    ],
)
def test_labels_are_counted_in_whatever_form_the_task_has_them(sample, counts) -> None:
    assert own_index(data([sample]), type(sample)).class_counts["train"] == counts


@pytest.mark.framework("timm")
def test_the_engine_plans_for_it() -> None:
    plan = Engine(data=data([cls(0), cls(1)] * 8), pretrained=False).configure()
    assert (plan["task"], plan["data_format"], plan["data.tile"]) == ("MULTI_CLASS_CLS", "own", False)
    assert plan.choices["task"].reason == "that of the data given to the Engine"


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([cls(0), {"image": 1}], r"expected a MultiClassClsDataEntity \(from otx.*\) as train\[1\], got dict"),
        ([cls(0), cls(2)], r"expected labels from 0 to 1 in train\[1\], got 2"),
        (
            [cls(0), cls(1, channels=1)],
            r"expected an image with 3 channels of uint8 .* as train\[1\], got 1 channel of",
        ),
        ([], "cannot be trained on: there are no training images"),
    ],
)
def test_what_cannot_be_used_is_named(samples, message) -> None:
    with pytest.raises(Exception, match=message):
        Engine(data=data(samples), pretrained=False).configure()


def test_a_folder_beside_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data_root = .* is about a folder of files"):
        Engine(tmp_path, data=data([cls(0)])).configure()


def test_tiles_are_refused() -> None:
    with pytest.raises(UserError, match=r"data.tile = True is about a folder of files"):
        Engine(data=data([cls(0)])).configure(tile=True)


def test_labels_may_be_all_that_the_task_knows_of_them() -> None:
    assert data([], labels=LabelInfo(LABELS)).label_info() == data([]).label_info()


def test_tuning_needs_a_folder() -> None:
    with pytest.raises(UserError, match="data of your own cannot be sent"):
        Engine(data=data([cls(0)])).tune(60)
