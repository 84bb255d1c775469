"""What a sample of keypoint detection has: upright boxes, a label for each, and the same named points for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity
from otx.core.frames import to_original
from otx.core.objects import ObjectsBatchDataEntity, ObjectsBatchPredEntity


@dataclass
class KeypointDataEntity(OTXDataEntity):
    """One image with its objects; none is legal.

    Attributes:
        bboxes: (N, 4) XYXY in pixels of `image`.
        labels: (N,) int64 class indices.
        keypoints: (N, K, 2) x and y in pixels of `image`.
        visible: (N, K) int64, as in COCO: 0 not labelled, 1 hidden, 2 visible.
        areas: (N,) of the objects in square pixels of the *original* image, by which keypoint similarity measures.
        flip_order: For each keypoint the index of the one that it becomes in a mirror.
    """

    per_object: ClassVar[tuple[str, ...]] = ("bboxes", "labels", "keypoints", "visible", "areas")

    bboxes: tv_tensors.BoundingBoxes
    labels: Tensor
    keypoints: tv_tensors.KeyPoints
    visible: Tensor
    areas: Tensor
    flip_order: tuple[int, ...]

    def __post_init__(self) -> None:
        count, points = len(self.labels), len(self.flip_order)
        shapes = [tuple(getattr(self, name).shape) for name in self.per_object]
        if shapes != [(count, 4), (count,), (count, points, 2), (count, points), (count,)]:
            self.refuse(f"(N, 4), (N,), (N, {points}, 2), (N, {points}) and (N,), got {shapes}")

    def settle(self, shown: tuple[float, float, float, float], *, mirrored: bool = False) -> Self:
        """Points that have left the picture count as not labelled; in a mirror left and right change places."""
        points = _plain(self.keypoints)
        left, top, right, bottom = shown
        x, y = points.unbind(-1)
        visible = self.visible * ((x >= left) & (x <= right) & (y >= top) & (y <= bottom))
        if mirrored:
            order = list(self.flip_order)
            points, visible = points[:, order], visible[:, order]
        return replace(self, keypoints=tv_tensors.wrap(points, like=self.keypoints), visible=visible)


@dataclass
class KeypointBatchDataEntity(ObjectsBatchDataEntity[KeypointDataEntity]):
    """A batch of images with their objects.

    Attributes:
        keypoints: Per image (N, K, 2) x and y in pixels of `images`.
        visible: Per image (N, K): 0 not labelled, 1 hidden, 2 visible.
        areas: Per image (N,) in square pixels of the original image.
    """

    keypoints: list[tv_tensors.KeyPoints]
    visible: list[Tensor]
    areas: list[Tensor]

    def true_details(self, index: int) -> dict[str, Sequence[Any]]:
        """The keypoints with their visibility."""
        points = to_original(_plain(self.keypoints[index]), self.imgs_info[index])
        return {"keypoints": _marked(points, self.visible[index])}


@dataclass
class KeypointBatchPredEntity(KeypointBatchDataEntity, ObjectsBatchPredEntity[KeypointDataEntity]):
    """What was found in a batch, in pixels of the *original* images, best score first.

    All keypoints are visible, and the areas are those of the boxes.

    Attributes:
        keypoint_scores: Per image (N, K) confidences in [0, 1].
    """

    keypoint_scores: list[Tensor]

    def found_details(self, index: int, shown: Tensor) -> dict[str, Sequence[Any]]:
        """The keypoints with their scores."""
        return {"keypoints": _marked(_plain(self.keypoints[index])[shown], self.keypoint_scores[index][shown])}


def _plain(value: Tensor) -> Tensor:
    return value.as_subclass(Tensor)


def _marked(points_NK2: Tensor, marks_NK: Tensor) -> list[list[list[float]]]:
    """Per object the x, y and mark of each keypoint: the score of a prediction, the visibility of the truth."""
    return [
        [[round(x, 2), round(y, 2), round(mark, 5)] for (x, y), mark in zip(places, marks, strict=True)]
        for places, marks in zip(points_NK2.tolist(), marks_NK.tolist(), strict=True)
    ]
