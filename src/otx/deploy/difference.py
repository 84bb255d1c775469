"""How far two runs of the same graph are apart: outputs by element, detections as sets.

Shapes: B images, N rows per image; a row of `boxes` is XYXY in pixels of the model's input, and a score. Further
outputs with a row per detection, such as masks, are compared between detections that are twins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf, isnan

import torch
from torch import Tensor
from torchvision.ops import box_iou

from otx.deploy.settings import Tolerance

CONFIDENT = 0.05
"""Detections below this score are compared by their scores only: no threshold in use would let them through."""
TWIN_IOU = 0.9
"""Overlap from which two boxes are the same."""
TWIN_PIXELS = 0.1
"""So are boxes whose sides are that close: a box without area, as untrained models give, overlaps with nothing."""

TWIN_ROWS = 0.02
"""Mean difference up to which further outputs of two detections are the same, relative to the largest magnitude."""


@dataclass(frozen=True)
class Difference:
    """What has been seen; differences of several batches add up.

    Attributes:
        max_abs: Largest absolute difference of an output (of a score, for detections).
        largest: The same, relative to the output's largest magnitude (absolute for scores).
        compared: Number of confident detections, of both sides.
        unmatched: How many of them have no twin on the other side.
        outputs: `largest` by the name of the output; that of detections is `boxes`.
    """

    max_abs: float = 0.0
    largest: float = 0.0
    compared: int = 0
    unmatched: int = 0
    outputs: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            max(self.max_abs, other.max_abs),
            max(self.largest, other.largest),
            self.compared + other.compared,
            self.unmatched + other.unmatched,
            {
                name: max(self.outputs.get(name, 0.0), other.outputs.get(name, 0.0))
                for name in sorted({*self.outputs, *other.outputs})
            },
        )

    def of(self, name: str) -> Difference:
        """The same, known as that of an output."""
        return replace(self, outputs={name: self.largest})

    def breaches(self, tolerance: Tolerance) -> list[str]:
        """What is beyond the tolerance, in words."""
        found = []
        if not self.largest <= tolerance.difference:
            found.append(f"outputs differ by {self.largest:.2g}, allowed is {tolerance.difference:g}")
        if self.unmatched > tolerance.unmatched * self.compared:
            found.append(f"{self.unmatched} of {self.compared} confident detections have no twin")
        return found


def difference(reference: Mapping[str, Tensor], other: Mapping[str, Tensor], tolerance: Tolerance) -> Difference:
    """Compare the raw outputs of one batch.

    Args:
        reference: By name, as the model gives them.
        other: By name, as the exported file gives them.
        tolerance: How much a detection's score may differ from its twin's.
    """
    if set(reference) != set(other):
        return Difference(max_abs=inf, largest=inf)
    names = set(reference)
    found = Difference()
    if {"boxes", "labels"} <= names:
        shapes = {name: reference[name].shape[:2] for name in names}
        per_detection = sorted(name for name in names if shapes[name] == shapes["boxes"])
        sides = [_detections(graph, per_detection) for graph in (reference, other)]
        found += _total(_sets(a, b, tolerance.difference) for a, b in zip(*sides, strict=True)).of("boxes")
        names -= set(per_detection)
    return found + _total(_elements(reference[name].cpu(), other[name].cpu()).of(name) for name in names)


def _detections(graph: Mapping[str, Tensor], names: list[str]) -> list[dict[str, Tensor]]:
    """The outputs with a row per detection, image by image."""
    return [dict(zip(names, rows, strict=True)) for rows in zip(*(graph[name].cpu() for name in names), strict=True)]


def _total(differences: Iterable[Difference]) -> Difference:
    return sum(differences, start=Difference())


def _elements(reference: Tensor, other: Tensor) -> Difference:
    if reference.shape != other.shape:
        return Difference(max_abs=inf, largest=inf)
    if not reference.numel():
        return Difference()
    max_abs = float((reference.double() - other.double()).abs().max())
    magnitude = float(reference.double().abs().max())
    if isnan(max_abs):
        return Difference(max_abs=inf, largest=inf)
    return Difference(max_abs=max_abs, largest=max_abs / magnitude if magnitude else max_abs)


def _sets(ours: dict[str, Tensor], theirs: dict[str, Tensor], slack: float) -> Difference:
    """Compare the detections of one image whatever their order: sorted scores, and a twin for each confident one."""
    if any(ours[name].shape != theirs[name].shape for name in ours):
        return Difference(max_abs=inf, largest=inf)
    boxes_N5, other_N5 = ours["boxes"], theirs["boxes"]
    scores = _elements(boxes_N5[:, 4].sort(descending=True).values, other_N5[:, 4].sort(descending=True).values)
    twins_NN = (
        (ours["labels"][:, None] == theirs["labels"])
        & ((boxes_N5[:, None, 4] - other_N5[:, 4]).abs() <= slack)
        & _same_box(boxes_N5[:, :4].float(), other_N5[:, :4].float())
    )
    for name in ours.keys() - {"boxes", "labels"}:
        twins_NN &= _same_rows(ours[name].float().flatten(1), theirs[name].float().flatten(1))
    confident, others = _confident(boxes_N5, slack), _confident(other_N5, slack)
    unmatched = (confident & ~twins_NN.any(dim=1)).sum() + (others & ~twins_NN.any(dim=0)).sum()
    compared = int(confident.sum() + others.sum())
    return Difference(scores.max_abs, scores.max_abs, compared, int(unmatched))


def _same_rows(rows_NK: Tensor, other_NK: Tensor) -> Tensor:
    """(N, N) whether a further output of a detection of the one side is that of a detection of the other."""
    distance_NN = torch.cdist(rows_NK, other_NK, p=1.0) / max(1, rows_NK.shape[1])
    magnitude = float(rows_NK.abs().max()) if rows_NK.numel() else 0.0
    return distance_NN <= TWIN_ROWS * (magnitude or 1.0)


def _same_box(boxes_N4: Tensor, other_N4: Tensor) -> Tensor:
    """(N, N) whether a box of the one side is a box of the other."""
    distance_NN = (boxes_N4[:, None] - other_N4).abs().amax(dim=-1)
    return (box_iou(boxes_N4, other_N4) >= TWIN_IOU) | (distance_NN <= TWIN_PIXELS)


def _confident(boxes_N5: Tensor, slack: float) -> Tensor:
    """Rows that count: confident, and clear of the last place, below which the other side may have cut."""
    scores_N = boxes_N5[:, 4]
    if not len(scores_N):
        return torch.zeros(0, dtype=torch.bool)
    return (scores_N >= CONFIDENT) & (scores_N > scores_N.min() + slack)
