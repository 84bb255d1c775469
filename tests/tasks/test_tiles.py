"""What is cut into tiles and merged again is what it was, for each task with tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.masks import encode_rle, from_polygons, to_pixels
from otx.core.tiles import Window, tile_windows
from otx.tasks import task_spec, task_specs
from otx.tasks.instance_segmentation.reader import InstanceSegAnnotation, InstanceSegReader
from otx.tasks.rotated_detection.reader import RotatedDetAnnotation, RotatedDetReader
from otx.tasks.semantic_segmentation.reader import ClassMap, SegAnnotation, SegmentationReader, Shape

SIZE = (100, 180)
INFO = ImageInfo(path="a.png", height=SIZE[0], width=SIZE[1])
WINDOWS = tile_windows(*SIZE, 80, 24)
TRIANGLES = [[5.0, 5, 25, 8, 12, 24], [62, 30, 80, 34, 70, 50], [88, 60, 100, 70, 90, 76], [150, 70, 178, 72, 160, 98]]
"""Each small enough to be seen whole by a tile."""


def blank(height: int, width: int) -> tv_tensors.Image:
    return tv_tensors.Image(torch.zeros(3, height, width, dtype=torch.uint8))


def tiles_of(reader: Any, annotation: Any) -> list[Any]:
    """The sample of each tile."""
    return [
        reader.entity(
            blank(window.height, window.width),
            ImageInfo(height=window.height, width=window.width),
            reader.cut(annotation, window),
        )
        for window in WINDOWS
    ]


def prediction(task: str, sample: Any, **fields: Any) -> Any:
    images = sample.image.as_subclass(Tensor)[None]
    return task_spec(task).load("prediction")(images=images, imgs_info=[sample.img_info], **fields)


def merged(task: str, tiles: list[Any]) -> Any:
    whole = task_spec(task).load("merge")(tiles, WINDOWS, INFO)
    assert whole.imgs_info == [INFO]
    return whole


def test_tasks_with_objects_or_maps_can_be_tiled() -> None:
    assert {str(name) for name, spec in task_specs().items() if spec.merge} == {
        "DETECTION",
        "INSTANCE_SEGMENTATION",
        "ROTATED_DETECTION",
        "SEMANTIC_SEGMENTATION",
    }


def test_instances() -> None:
    rles = tuple(from_polygons([points], SIZE) for points in TRIANGLES)
    corners = np.array(TRIANGLES, np.float32).reshape(-1, 3, 2)
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    annotation = InstanceSegAnnotation(boxes, np.array([0, 1, 0, 1]), rles)
    samples = tiles_of(InstanceSegReader(), annotation)
    pixels = to_pixels(rles, SIZE)
    for sample, (top, left, height, width) in zip(samples, WINDOWS, strict=True):
        shown = pixels[:, top : top + height, left : left + width].max(axis=0)
        assert (sample.masks.numpy().max(axis=0, initial=0) <= shown).all()
    found = merged(
        "INSTANCE_SEGMENTATION",
        [
            prediction(
                "INSTANCE_SEGMENTATION",
                sample,
                bboxes=[sample.bboxes],
                labels=[sample.labels],
                masks=[tv_tensors.Mask(torch.ones(len(sample.labels), 7, 7))],
                rles=[sample.rles],
                # The larger a part, the better its score.
                scores=[sample.masks.sum(dim=(1, 2)) / 1000],
            )
            for sample in samples
        ],
    )
    order = found.bboxes[0][:, 0].argsort().tolist()
    assert [found.rles[0][index] for index in order] == list(rles)
    assert found.labels[0][order].tolist() == [0, 1, 0, 1]
    assert found.masks[0].shape == (4, 7, 7)


def test_rotated_boxes() -> None:
    angles = np.array([[10, 0], [20, 10], [10, 20], [0, 10]], np.float32)
    corners = np.stack([angles + offset for offset in ([2, 2], [64, 30], [150, 75])]).astype(np.float32)
    annotation = RotatedDetAnnotation(corners, np.array([0, 1, 0]))
    found = merged(
        "ROTATED_DETECTION",
        [
            prediction(
                "ROTATED_DETECTION",
                sample,
                bboxes=[sample.bboxes],
                corners=[sample.corners],
                labels=[sample.labels],
                scores=[torch.full((len(sample.labels),), 0.9)],
            )
            for sample in tiles_of(RotatedDetReader(), annotation)
        ],
    )
    order = found.bboxes[0][:, 0].argsort()
    assert found.corners[0][order].tolist() == corners.tolist()
    assert RotatedDetReader().object_sides(annotation).tolist() == [20, 20, 20]


def annotated(kind: str) -> SegAnnotation:
    if kind == "map":
        values = np.random.default_rng(0).integers(0, 3, SIZE)
        return SegAnnotation(255, (ClassMap(lambda: values, (0, 1, 2), (0, 1, 2)),), (), (0, 1, 2))
    polygons = [np.array(points, np.float32) for points in TRIANGLES]
    if kind == "polygons":
        return SegAnnotation(0, (), tuple(Shape(1 + i % 2, 9.0, (one,)) for i, one in enumerate(polygons)), (1, 2))
    rles = [encode_rle(to_pixels([from_polygons([points], SIZE)], SIZE)[0]) for points in TRIANGLES]
    return SegAnnotation(0, (), tuple(Shape(1, 9.0, rle=rle) for rle in rles), (1,))


@pytest.mark.parametrize("kind", ["map", "polygons", "run lengths"])
def test_class_maps(kind) -> None:
    reader, annotation = SegmentationReader(), annotated(kind)
    whole = reader.entity(blank(*SIZE), INFO, annotation).mask
    samples = tiles_of(reader, annotation)
    for sample, (top, left, height, width) in zip(samples, WINDOWS, strict=True):
        assert torch.equal(sample.mask, whole[top : top + height, left : left + width])
    tiles = [prediction("SEMANTIC_SEGMENTATION", sample, masks=[sample.mask]) for sample in samples]
    assert torch.equal(merged("SEMANTIC_SEGMENTATION", tiles).masks[0], whole)


def test_a_pixel_is_taken_from_the_tile_that_sees_most_around_it() -> None:
    windows = [Window(0, 0, 4, 8), Window(0, 4, 4, 8)]
    tiles = [
        task_spec("SEMANTIC_SEGMENTATION").load("prediction")(
            images=torch.zeros(1, 0), imgs_info=[INFO], masks=[torch.full((4, 8), number, dtype=torch.uint8)]
        )
        for number in (1, 2)
    ]
    whole = task_spec("SEMANTIC_SEGMENTATION").load("merge")(tiles, windows, ImageInfo(height=4, width=12))
    assert whole.masks[0][0].tolist() == [1] * 6 + [2] * 6
