"""Detections on tiles become detections on the image, each object once."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.tiles import Window
from otx.tasks.detection.entity import DetBatchPredEntity
from otx.tasks.detection.merge import merge

INFO = ImageInfo(path="a.png", height=100, width=180)
LEFT, RIGHT = Window(0, 0, 100, 100), Window(0, 80, 100, 100)
Box = tuple[float, float, float, float]


def tile(*found: tuple[Box, int, float]) -> DetBatchPredEntity:
    boxes = torch.tensor([box for box, _, _ in found], dtype=torch.float32).reshape(-1, 4)
    return DetBatchPredEntity(
        images=torch.zeros(1, 0, 0, 0),
        imgs_info=[ImageInfo(height=100, width=100)],
        bboxes=[tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(100, 100))],
        labels=[torch.tensor([label for _, label, _ in found], dtype=torch.int64)],
        scores=[torch.tensor([score for _, _, score in found])],
    )


def merged(left: DetBatchPredEntity, right: DetBatchPredEntity) -> list[tuple[list[float], int, float]]:
    whole = merge([left, right], [LEFT, RIGHT], INFO)
    assert whole.imgs_info == [INFO]
    assert whole.bboxes[0].canvas_size == (100, 180)
    rows = zip(whole.bboxes[0].tolist(), whole.labels[0].tolist(), whole.scores[0].tolist(), strict=True)
    return [(box, label, round(score, 3)) for box, label, score in rows]


def test_boxes_move_to_their_place_best_first() -> None:
    assert merged(tile(((10, 10, 20, 20), 0, 0.5)), tile(((50, 50, 60, 60), 1, 0.9))) == [
        ([130, 50, 140, 60], 1, 0.9),
        ([10, 10, 20, 20], 0, 0.5),
    ]


def test_an_object_in_the_overlap_counts_once() -> None:
    assert merged(tile(((82, 10, 92, 20), 0, 0.6)), tile(((2.5, 10, 12, 20), 0, 0.5))) == [([82, 10, 92, 20], 0, 0.6)]


@pytest.mark.parametrize("score", [0.4, 0.75])
def test_a_part_at_an_edge_gives_way_to_the_whole(score) -> None:
    """By its score the part would win; what it overlaps of the whole is a little more or a little less than half."""
    for end in (94, 98):
        part, whole = ((82, 10, 100, 20), 0, score), ((2, 10, end - 62, 20), 0, 0.4)
        assert merged(tile(part), tile(whole)) == [([82, 10, end + 18, 20], 0, 0.4)]


def test_an_object_larger_than_the_overlap_stays() -> None:
    """It is seen in two parts, which do not overlap by half: both are told rather than neither."""
    assert len(merged(tile(((40, 0, 100, 100), 0, 0.9)), tile(((0, 0, 60, 100), 0, 0.8)))) == 2


def test_neighbours_of_another_class_or_in_the_same_tile_stay() -> None:
    part, whole = ((88, 10, 100, 20), 0, 0.9), ((8, 10, 40, 20), 1, 0.4)
    assert len(merged(tile(part), tile(whole))) == 2
    inside = tile(((10, 10, 90, 90), 0, 0.9), ((90, 40, 100, 50), 0, 0.8), ((80, 40, 99.5, 60), 0, 0.7))
    assert len(merged(inside, tile())) == 3


def test_nothing_found_is_nothing() -> None:
    assert merged(tile(), tile()) == []
