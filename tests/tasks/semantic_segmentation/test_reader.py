"""Outlines become classes per pixel; mask files are tested in tests/data/test_mask_formats.py."""

from __future__ import annotations

from typing import Any

import datumaro as dm
import numpy as np
import pytest
import torch
from datumaro.components.annotation import MaskCategories
from torchvision import tv_tensors

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.semantic_segmentation.reader import SegmentationReader

LABELS = LabelInfo(("cup", "pen", "background"))
SIZE = (10, 14)
LARGE = dm.Polygon([0, 0, 10, 0, 10, 8, 0, 8], label=0, group=1)
SMALL = dm.Polygon([2, 2, 6, 2, 6, 5, 2, 5], label=1, group=2)


def categories(*names: str, **others: Any) -> dm.CategoriesInfo:
    return {dm.AnnotationType.label: dm.LabelCategories.from_iterable(names), **others}


def read(*annotations: Any, labels: LabelInfo = LABELS) -> tuple[np.ndarray, list[str], list[int]]:
    """The mask, what was reported, and the classes that are there."""
    reader, reports = SegmentationReader(), []
    item = dm.DatasetItem(id="a", annotations=list(annotations))
    annotation = reader.annotation(item, labels, SIZE, reports.append)
    image = tv_tensors.Image(torch.zeros(3, *SIZE, dtype=torch.uint8))
    entity = reader.entity(image, ImageInfo(height=SIZE[0], width=SIZE[1]), annotation)
    return entity.mask.numpy(), reports, list(reader.label_ids(annotation))


def test_background_is_the_class_of_that_name_or_one_behind_the_others() -> None:
    reader = SegmentationReader()
    assert reader.label_info(categories("cup", "pen")).names == ("cup", "pen", "background")
    assert reader.label_info(categories("Background", "cup")).names == ("Background", "cup")
    with_masks = categories("cup", "pen")
    with_masks[dm.AnnotationType.mask] = MaskCategories()
    assert reader.label_info(with_masks).names == ("cup", "pen")
    with pytest.raises(UserError, match=r"at most 255 classes.*found 256"):
        reader.label_info(categories(*map(str, range(255))))


@pytest.mark.parametrize("order", [(LARGE, SMALL), (SMALL, LARGE)])
def test_the_smaller_object_is_on_top(order: tuple[Any, Any]) -> None:
    mask, reports, labels = read(*order)
    expected = np.full(SIZE, 2)
    expected[:8, :10], expected[2:5, 2:6] = 0, 1
    np.testing.assert_array_equal(mask, expected)
    assert (reports, labels) == ([], [0, 1])


def test_masks_by_run_lengths_and_boxes_of_the_same_objects() -> None:
    inside = np.zeros(SIZE, np.uint8)
    inside[4:, 9:] = 1
    box = dm.Bbox(9, 4, 5, 6, label=1, group=5)
    mask, reports, labels = read(dm.Mask(inside, label=1, group=5), box)
    np.testing.assert_array_equal(mask, np.where(inside, 1, 2))
    assert (reports, labels) == ([], [1])


def test_an_image_without_outlines_is_background() -> None:
    mask, reports, labels = read()
    assert (mask == 2).all()
    assert (reports, labels) == ([], [])


def test_oddities_are_reported() -> None:
    boxes = (dm.Bbox(1, 1, 4, 4, label=0), dm.Bbox(1, 1, 4, 4, label=0, group=7))
    unlabelled = dm.Polygon([0, 0, 4, 0, 4, 4], label=None)
    too_large = dm.Mask(np.ones((20, 20)), label=1)
    mask, reports, _ = read(*boxes, unlabelled, too_large)
    assert (mask == 2).all()
    assert reports == [
        "annotation without a label left out: None",
        "annotation without an outline ignored: bbox",
        "annotation without an outline ignored: bbox",
        "mask of another size than its image left out: [20, 20], not [10, 14]",
    ]
