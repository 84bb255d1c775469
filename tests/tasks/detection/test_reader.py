"""Datumaro's annotations become clean boxes, and every repair is told."""

from __future__ import annotations

from typing import Any

import datumaro as dm
import numpy as np
import pytest
import torch
from datumaro.components.annotation import RotatedBbox
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.detection.reader import DetAnnotation, DetectionReader

LABELS = LabelInfo(("cat", "dog"))
SIZE = (50, 100)


def read(*annotations: Any) -> tuple[list[list[float]], list[int], list[str]]:
    told: list[str] = []
    found = DetectionReader().annotation(
        dm.DatasetItem(id="a", annotations=list(annotations)), LABELS, SIZE, told.append
    )
    return found.boxes.tolist(), found.labels.tolist(), told


def test_labels_keep_the_order_of_the_data_set() -> None:
    categories = {dm.AnnotationType.label: dm.LabelCategories.from_iterable(["zebra", "ant"])}
    assert DetectionReader().label_info(categories).names == ("zebra", "ant")


def test_boxes_are_read_and_an_empty_image_is_legal() -> None:
    assert read(dm.Bbox(1, 2, 10, 20, label=1)) == ([[1, 2, 11, 22]], [1], [])
    assert read() == ([], [], [])


@pytest.mark.parametrize(
    ("box", "boxes", "told"),
    [
        ((-5, 10, 20, 20), [[0, 10, 15, 30]], "box clipped to the image: (-5, 10, 15, 30) in an image of 100x50"),
        ((90, 40, 20, 20), [[90, 40, 100, 50]], "box clipped to the image"),
        ((90, 40, 10.005, 10), [[90, 40, 100, 50]], None),
        ((120, 10, 20, 20), [], "empty box dropped: (120, 10, 140, 30)"),
        ((10, 10, 0, 20), [], "empty box dropped"),
        ((10, 10, 0.5, 20), [], "empty box dropped"),
        ((10, 10, -4, 20), [], "empty box dropped"),
        ((10, 10, float("nan"), 20), [], "box with a coordinate that is no number dropped"),
        ((10, 10, float("inf"), 20), [], "box with a coordinate that is no number dropped"),
    ],
)
def test_bad_boxes_are_repaired_or_dropped_and_told(
    box: tuple[float, ...], boxes: list[list[float]], told: str | None
) -> None:
    found, _, reports = read(dm.Bbox(*box, label=0))
    assert found == boxes
    assert [report.startswith(str(told)) for report in reports] == ([True] if told else [])


@pytest.mark.parametrize("label", [None, 2, -1])
def test_a_box_without_a_known_label_is_left_out(label: int | None) -> None:
    assert read(dm.Bbox(1, 2, 10, 20, label=label))[2] == ["box without a label left out: (1, 2, 11, 22)"]


def test_outlines_give_boxes_where_there_are_none() -> None:
    mask = np.zeros(SIZE, dtype=bool)
    mask[10:20, 30:40] = True
    boxes, labels, told = read(
        dm.Polygon([1, 1, 9, 1, 9, 5], label=0),
        dm.Mask(mask, label=1),
        RotatedBbox(50, 25, 10, 4, 90, label=1),
    )
    assert labels == [0, 1, 1]
    assert told == []
    np.testing.assert_allclose(boxes[0], [1, 1, 9, 5])
    np.testing.assert_allclose(boxes[1], [30, 10, 40, 20], atol=1)
    np.testing.assert_allclose(boxes[2], [48, 20, 52, 30], atol=1e-4)


def test_parts_of_an_object_are_one_box() -> None:
    parts = [dm.Polygon([1, 1, 9, 1, 9, 5], label=0, group=3), dm.Polygon([20, 20, 30, 20, 30, 25], label=0, group=3)]
    assert read(*parts)[0] == [[1, 1, 30, 25]]


def test_the_box_of_an_object_wins_over_its_outline() -> None:
    outline = dm.Polygon([1, 1, 9, 1, 9, 5], label=0, group=3)
    alone = dm.Polygon([11, 11, 19, 11, 19, 15], label=1, group=4)
    assert read(outline, dm.Bbox(0, 0, 10, 6, label=0, group=3), alone)[0] == [[0, 0, 10, 6], [11, 11, 19, 15]]


def test_a_box_that_only_fills_a_field_gives_way_to_the_outline() -> None:
    outline = dm.Polygon([1, 1, 9, 1, 9, 5], label=0, group=3)
    boxes, labels, told = read(outline, dm.Bbox(0, 0, 0, 0, label=0, group=3))
    assert (boxes, labels, told) == ([[1, 1, 9, 5]], [0], ["box without an area left to the outline"])


def test_an_outline_of_no_group_gives_way_to_boxes() -> None:
    assert read(dm.Polygon([1, 1, 9, 1, 9, 5], label=0), dm.Bbox(0, 0, 10, 6, label=0))[0] == [[0, 0, 10, 6]]


def test_crowds_and_other_annotations_are_told() -> None:
    crowd = dm.Bbox(1, 2, 10, 20, label=1, attributes={"is_crowd": True})
    assert read(crowd, dm.Label(0)) == ([], [], ["crowd region left out", "annotation without a box ignored: label"])
    common = {"label": 1, "group": 4, "attributes": {"is_crowd": True}}
    both = [dm.Bbox(1, 2, 10, 20, **common), dm.Polygon([1, 2, 11, 2, 11, 22], **common)]
    assert read(*both) == ([], [], ["crowd region left out"])


@pytest.mark.parametrize("count", [0, 2])
def test_the_sample_has_boxes_and_labels(count: int) -> None:
    annotation = DetAnnotation(np.ones((count, 4), np.float32), np.ones(count, np.int64))
    image = tv_tensors.Image(torch.zeros(3, *SIZE, dtype=torch.uint8))
    sample = DetectionReader().entity(image, ImageInfo(height=SIZE[0], width=SIZE[1]), annotation)
    assert sample.bboxes.shape == (count, 4)
    assert sample.bboxes.canvas_size == SIZE
    assert sample.labels.dtype == torch.int64
    assert DetectionReader().label_ids(annotation) == [1] * count
    sample.bboxes += 1
    assert (annotation.boxes == 1).all()
