"""Outlines of every kind become masks, and what has none is told."""

from __future__ import annotations

from typing import Any

import datumaro as dm
import numpy as np
import pytest
import torch
from datumaro.components.annotation import Ellipse, RotatedBbox
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import from_pixels, to_pixels
from otx.tasks.instance_segmentation.reader import InstanceSegAnnotation, InstanceSegReader

LABELS = LabelInfo(("cat", "dog"))
SIZE = (50, 100)
SQUARE = [1, 1, 9, 1, 9, 5, 1, 5]


def read(*annotations: Any) -> tuple[InstanceSegAnnotation, list[str]]:
    told: list[str] = []
    item = dm.DatasetItem(id="a", annotations=list(annotations))
    return InstanceSegReader().annotation(item, LABELS, SIZE, told.append), told


def area(annotation: InstanceSegAnnotation) -> list[int]:
    return to_pixels(annotation.rles, SIZE).sum(axis=(1, 2)).tolist()


def test_labels_keep_the_order_of_the_data_set() -> None:
    categories = {dm.AnnotationType.label: dm.LabelCategories.from_iterable(["zebra", "ant"])}
    assert InstanceSegReader().label_info(categories).names == ("zebra", "ant")


def test_outlines_of_all_kinds() -> None:
    pixels = np.zeros(SIZE, dtype=bool)
    pixels[10:20, 30:40] = True
    found, told = read(
        dm.Polygon(SQUARE, label=0),
        dm.Mask(pixels, label=1),
        dm.RleMask(from_pixels(pixels), label=1),
        RotatedBbox(50, 25, 10, 4, 90, label=0),
        Ellipse(60, 10, 80, 20, label=0),
    )
    assert told == []
    assert found.labels.tolist() == [0, 1, 1, 0, 0]
    np.testing.assert_allclose(area(found), [32, 100, 100, 40, np.pi * 10 * 5], atol=6)
    np.testing.assert_allclose(found.boxes[:3], [[1, 1, 9, 5], [30, 10, 40, 20], [30, 10, 40, 20]])


def test_parts_are_one_object_and_its_own_box_counts() -> None:
    parts = [dm.Polygon(SQUARE, label=1, group=3), dm.Polygon([20, 20, 30, 20, 30, 30, 20, 30], label=1, group=3)]
    assert area(read(*parts)[0]) == [132]
    assert read(*parts)[0].boxes.tolist() == [[1, 1, 30, 30]]
    assert read(*parts, dm.Bbox(-2, 0, 34, 31, label=1, group=3))[0].boxes.tolist() == [[0, 0, 32, 31]]


def test_a_box_that_only_fills_a_field_gives_way_to_the_outline() -> None:
    found, told = read(dm.Polygon(SQUARE, label=1, group=3), dm.Bbox(0, 0, 0, 0, label=1, group=3))
    assert found.boxes.tolist() == [[1, 1, 9, 5]]
    assert told == ["box without an area left to the outline"]


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (dm.Bbox(1, 2, 10, 20, label=1), "object without an outline left out"),
        (dm.Polygon(SQUARE, label=None), "object without a label left out"),
        (dm.Polygon(SQUARE, label=2), "object without a label left out"),
        (dm.Polygon([200, 1, 209, 1, 209, 5], label=0), "empty outline dropped"),
        (dm.Polygon([1, 1, 9, 1, float("nan"), 5], label=0), "polygon with a coordinate that is no number dropped"),
        (dm.Mask(np.ones((5, 5)), label=0), "mask of another size than its image dropped: 5x5"),
        (dm.Polygon(SQUARE, label=1, attributes={"is_crowd": True}), "crowd region left out"),
        (dm.Label(0), "annotation without an outline ignored: label"),
    ],
)
def test_what_cannot_be_used_is_told(annotation: Any, told: str) -> None:
    found, reports = read(annotation, dm.Polygon(SQUARE, label=0))
    assert area(found) == [32]
    assert reports[0] == told


@pytest.mark.parametrize("count", [0, 2])
def test_the_sample_has_pixels(count: int) -> None:
    annotation = read(*[dm.Polygon(SQUARE, label=1)] * count)[0]
    image = tv_tensors.Image(torch.zeros(3, *SIZE, dtype=torch.uint8))
    sample = InstanceSegReader().entity(image, ImageInfo(height=SIZE[0], width=SIZE[1]), annotation)
    assert sample.masks.shape == (count, *SIZE)
    assert sample.masks.sum() == 32 * count
    assert sample.bboxes.shape == (count, 4)
    assert sample.bboxes.canvas_size == SIZE
    assert InstanceSegReader().label_ids(annotation) == [1] * count
