"""What a sample of keypoint detection has: upright boxes, a label for each, and the same named points for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.records import image_record, object_entries


@dataclass
class KeypointDataEntity(OTXDataEntity):
    """One image with its objects; none is legal.

    Attributes:
        bboxes: (N, 4) XYXY in pixels of `image`.
        labels: (N,) int64 class indices.
        keypoints: (N, K, 2) x and y in pixels of `image`.
        visible: (N, K) int64, as in COCO: 0 not labelled, 1 hidden, 2 visible.
        flip_order: For each keypoint the index of the one that it becomes in a mirror.
    """

    per_object: ClassVar[tuple[str, ...]] = ("bboxes", "labels", "keypoints", "visible")

    bboxes: tv_tensors.BoundingBoxes
    labels: Tensor
    keypoints: tv_tensors.KeyPoints
    visible: Tensor
    flip_order: tuple[int, ...]

    def __post_init__(self) -> None:
        count, points = len(self.labels), len(self.flip_order)
        shapes = [tuple(field.shape) for field in (self.bboxes, self.labels, self.keypoints, self.visible)]
        if shapes != [(count, 4), (count,), (count, points, 2), (count, points)]:
            where = self.img_info.path or "an image without a path"
            msg = f"expected (N, 4), (N,), (N, {points}, 2) and (N, {points}), got {shapes} for {where}"
            raise ValueError(msg)

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
class KeypointBatchDataEntity(OTXBatchDataEntity[KeypointDataEntity]):
    """A batch of images with their objects.

    Attributes:
        bboxes: Per image (N, 4) XYXY in pixels of `images`.
        labels: Per image (N,) int64 class indices.
        keypoints: Per image (N, K, 2) x and y in pixels of `images`.
        visible: Per image (N, K): 0 not labelled, 1 hidden, 2 visible.
    """

    bboxes: list[tv_tensors.BoundingBoxes]
    labels: list[Tensor]
    keypoints: list[tv_tensors.KeyPoints]
    visible: list[Tensor]

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The objects of each image in the form of `predictions.json`, in pixels of the original image."""
        records = []
        rows = zip(self.imgs_info, self.bboxes, self.labels, self.keypoints, self.visible, strict=True)
        for info, boxes, ids, points, visible in rows:
            places = _marked(to_original(_plain(points), info), visible)
            found = object_entries(labels, ids, to_original(_plain(boxes), info), keypoints=places)
            records.append(image_record(info, objects=found))
        return records


@dataclass
class KeypointBatchPredEntity(KeypointBatchDataEntity, OTXBatchPredEntity[KeypointDataEntity]):
    """What was found in a batch, in pixels of the *original* images, best score first; all keypoints are visible.

    Attributes:
        scores: Per image (N,) confidences in [0, 1].
        keypoint_scores: Per image (N, K) confidences in [0, 1].
    """

    scores: list[Tensor]
    keypoint_scores: list[Tensor]

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The objects of each image with at least that score, in the form of `predictions.json`."""
        records = []
        rows = zip(self.imgs_info, self.bboxes, self.labels, self.keypoints, self.keypoint_scores, strict=True)
        for scores, (info, boxes, ids, points, confidence) in zip(self.scores, rows, strict=True):
            keep = scores >= threshold
            places = _marked(_plain(points)[keep], confidence[keep])
            found = object_entries(labels, ids[keep], _plain(boxes)[keep], scores[keep], keypoints=places)
            records.append(image_record(info, objects=found))
        return records


def _plain(value: Tensor) -> Tensor:
    return value.as_subclass(Tensor)


def _marked(points_NK2: Tensor, marks_NK: Tensor) -> list[list[list[float]]]:
    """Per object the x, y and mark of each keypoint: the score of a prediction, the visibility of the truth."""
    return [
        [[round(x, 2), round(y, 2), round(mark, 5)] for (x, y), mark in zip(places, marks, strict=True)]
        for places, marks in zip(points_NK2.tolist(), marks_NK.tolist(), strict=True)
    ]
