"""Labels with keypoints, and batches of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity, KeypointBatchPredEntity

SIZE = (100, 200)


@pytest.fixture
def labels() -> LabelInfo:
    return LabelInfo(("cat", "dog"), keypoints=Skeleton(("nose", "left_ear", "right_ear"), ((0, 1), (0, 2))))


MakeBatch = Callable[..., Any]


@pytest.fixture
def make_prediction() -> MakeBatch:
    """One image in which these objects were found."""

    def make(
        boxes: list[list[float]], points: list[list[list[float]]], labels: list[int], scores: list[float]
    ) -> KeypointBatchPredEntity:
        found = {"scores": [torch.tensor(scores)], "keypoint_scores": [torch.ones(len(labels), 3)]}
        known = {"visible": [torch.full((len(labels), 3), 2)], "areas": [torch.ones(len(labels))]}
        return KeypointBatchPredEntity(**_objects(boxes, points, labels), **known, **found)

    return make


@pytest.fixture
def make_truth() -> MakeBatch:
    """One image that holds these objects, each as large as its box unless `areas` says otherwise."""

    def make(
        boxes: list[list[float]], points: list[list[list[float]]], labels: list[int], areas: list[float] | None = None
    ) -> KeypointBatchDataEntity:
        sizes = [(right - left) * (bottom - top) for left, top, right, bottom in boxes]
        marks = torch.tensor(points).reshape(-1, 3, 3)[..., 2].long()
        known = {"visible": [marks], "areas": [torch.tensor(areas or sizes)]}
        return KeypointBatchDataEntity(**_objects(boxes, points, labels), **known)

    return make


def _objects(boxes: list[list[float]], points: list[list[list[float]]], labels: list[int]) -> dict[str, Any]:
    places = torch.tensor(points).reshape(-1, 3, 3)
    return {
        "images": torch.zeros(1, 3, *SIZE, dtype=torch.uint8),
        "imgs_info": [ImageInfo(height=SIZE[0], width=SIZE[1], path="a.jpg")],
        "bboxes": [tv_tensors.BoundingBoxes(torch.tensor(boxes).reshape(-1, 4), format="XYXY", canvas_size=SIZE)],
        "labels": [torch.tensor(labels, dtype=torch.int64)],
        "keypoints": [tv_tensors.KeyPoints(places[..., :2], canvas_size=SIZE)],
    }
