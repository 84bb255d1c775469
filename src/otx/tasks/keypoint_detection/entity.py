"""What a sample of keypoint detection has: upright boxes, a label for each, and the same named points for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo


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

    @classmethod
    def collate(cls, samples: Sequence[KeypointDataEntity]) -> Self:
        """Stack the images and list the objects."""
        return cls(
            images=torch.stack([sample.image.as_subclass(Tensor) for sample in samples]),
            imgs_info=[sample.img_info for sample in samples],
            bboxes=[sample.bboxes for sample in samples],
            labels=[sample.labels for sample in samples],
            keypoints=[sample.keypoints for sample in samples],
            visible=[sample.visible for sample in samples],
        )

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The objects of each image in the form of `predictions.json`, in pixels of the original image."""
        records = []
        rows = zip(self.imgs_info, self.bboxes, self.labels, self.keypoints, self.visible, strict=True)
        for info, boxes, ids, points, visible in rows:
            places = to_original(_plain(boxes), info), to_original(_plain(points), info)
            records.append(_record(info, _objects(*places, ids, visible, labels)))
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
            found = _objects(_plain(boxes)[keep], _plain(points)[keep], ids[keep], confidence[keep], labels)
            kept = scores[keep].tolist()
            scored = [entry | {"score": round(score, 5)} for entry, score in zip(found, kept, strict=True)]
            records.append(_record(info, scored))
        return records


def _plain(value: Tensor) -> Tensor:
    return value.as_subclass(Tensor)


def _record(info: ImageInfo, objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {"image": info.path, "width": info.width, "height": info.height, "objects": objects}


def _objects(boxes: Tensor, points: Tensor, ids: Tensor, marks: Tensor, labels: LabelInfo) -> list[dict[str, Any]]:
    """Objects whose keypoints are x, y and a mark: the score of a prediction, the visibility of the truth."""
    rows = zip(boxes.tolist(), points.tolist(), ids.tolist(), marks.tolist(), strict=True)
    return [
        {
            "label": labels.names[label],
            "bbox": [round(value, 2) for value in box],
            "keypoints": [[round(x, 2), round(y, 2), round(mark, 5)] for (x, y), mark in zip(places, row, strict=True)],
        }
        for box, places, label, row in rows
    ]
