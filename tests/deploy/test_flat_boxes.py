"""Boxes without area, as untrained detectors give: they overlap with nothing, not even with themselves."""

from __future__ import annotations

import torch

from otx.deploy.difference import difference
from otx.deploy.settings import Tolerance

TOLERANCE = Tolerance(difference=0.01, unmatched=0.0)


def graph(shift: float) -> dict[str, torch.Tensor]:
    boxes = torch.tensor([[[5.0, 5.0, 5.0, 5.0, 0.9], [20.0, 7.0, 20.0, 9.0, 0.8], [1.0, 1.0, 2.0, 2.0, 0.1]]])
    boxes[..., :4] += shift
    return {"boxes": boxes, "labels": torch.zeros(1, 3, dtype=torch.long)}


def test_a_flat_box_is_its_own_twin() -> None:
    assert not difference(graph(0.0), graph(0.0), TOLERANCE).breaches(TOLERANCE)
    assert difference(graph(0.0), graph(3.0), TOLERANCE).unmatched == 4
