"""What there is to explain in a prediction, and how far the prediction on an altered image still speaks for it.

A task names its kind of it (`TaskSpec.saliency`). Two of them serve several tasks: labels of an image, and objects with
boxes. All is in pixels of the model's input: predictions are decoded as if that were the original image.

Shapes: B images, C classes, L labels to explain, N objects, H rows, W columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torchvision.ops import box_iou

from otx.core.objects import ObjectsBatchPredEntity

RUNNER_UP = 0.2
"""Probability from which a class that is not the best one is explained, too."""

LookT_contra = TypeVar("LookT_contra", contravariant=True)


class Saliency(ABC, Generic[LookT_contra]):
    """What there is to explain in the prediction on one image.

    Args:
        prediction: A batch of one.
        raw: The outputs of the graph that it was decoded from.
        threshold: Score below which `otx predict` leaves an object out.

    Attributes:
        labels: Class indices to explain; none is legal.
        scores: Confidence of each.
    """

    labels: list[int]
    scores: list[float]

    @abstractmethod
    def __init__(self, prediction: LookT_contra, raw: Mapping[str, Tensor], threshold: float) -> None: ...

    @abstractmethod
    def support(self, prediction: LookT_contra) -> Tensor:
        """(B, L) how far predictions on altered images still say what is to be explained; not negative."""

    def maps(self) -> Tensor | None:
        """(L, H, W) where the outputs themselves say that each label is; None where they say nothing of places."""
        return None


class Labelled(Protocol):
    """Predicted labels of images: `labels` is (B,) the best class or (B, C) which are there, `scores` is (B, C)."""

    labels: Tensor
    scores: Tensor


class LabelSaliency(Saliency[Labelled]):
    """Explains the labels of an image by their scores."""

    def __init__(self, prediction: Labelled, raw: Mapping[str, Tensor], threshold: float) -> None:
        labels, scores_C = prediction.labels[0], prediction.scores[0]
        shown_C = labels.bool() if labels.ndim else scores_C >= RUNNER_UP
        order = [label for label in scores_C.argsort(descending=True).tolist() if shown_C[label]]
        self.labels = order or [int(scores_C.argmax())]
        self.scores = scores_C[self.labels].tolist()

    def support(self, prediction: Labelled) -> Tensor:
        """The scores of the labels."""
        return prediction.scores[:, self.labels]


Found = ObjectsBatchPredEntity[Any]


class ObjectSaliency(Saliency[Found]):
    """Explains the objects of each class together, as D-RISE does one by one (Petsiuk et al. 2021)."""

    def __init__(self, prediction: Found, raw: Mapping[str, Tensor], threshold: float) -> None:
        self.found = prediction
        self.size: tuple[int, int] = (int(prediction.images.shape[-2]), int(prediction.images.shape[-1]))
        ids_N, scores_N = prediction.labels[0], prediction.scores[0]
        sure = int((scores_N >= threshold).sum())
        self.labels = list(dict.fromkeys(ids_N[:sure].tolist()))
        self.scores = [float(scores_N[ids_N == label][0]) for label in self.labels]
        boxes_N4 = prediction.bboxes[0].as_subclass(Tensor)[:sure]
        self._boxes = [boxes_N4[ids_N[:sure] == label] for label in self.labels]

    def support(self, prediction: Found) -> Tensor:
        """How well each object is found again: the best overlap (IoU) times score; the mean over those of a class."""
        rows = zip(prediction.bboxes, prediction.labels, prediction.scores, strict=True)
        return torch.tensor(
            [
                [
                    _found_again(boxes, found.as_subclass(Tensor)[ids == label], scores[ids == label])
                    for label, boxes in zip(self.labels, self._boxes, strict=True)
                ]
                for found, ids, scores in rows
            ]
        )

    def maps(self) -> Tensor:
        """Of each class the map of the objects that were considered: the highest score there, falling off in a box."""
        rows, columns = (torch.arange(side) + 0.5 for side in self.size)
        maps_LHW = torch.zeros(len(self.labels), *self.size)
        found = (field[0].tolist() for field in (self.found.bboxes, self.found.labels, self.found.scores))
        for (left, top, right, bottom), label, score in zip(*found, strict=True):
            if label in self.labels:
                across_W, down_H = _bump(columns, left, right), _bump(rows, top, bottom)
                map_HW = maps_LHW[self.labels.index(label)]
                torch.maximum(map_HW, score * down_H[:, None] * across_W, out=map_HW)
        return maps_LHW


def _found_again(boxes_R4: Tensor, found_N4: Tensor, scores_N: Tensor) -> float:
    if not len(found_N4):
        return 0.0
    return float((box_iou(boxes_R4, found_N4) * scores_N).amax(dim=1).mean())


def _bump(places: Tensor, first: float, last: float) -> Tensor:
    """1 in the middle of an interval, 1/e at its ends."""
    return (-(((places - (first + last) / 2) / max((last - first) / 2, 1.0)) ** 2)).exp()
