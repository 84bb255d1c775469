"""What the keypoints of a data set are: their names, the lines between them, and which of them a mirror swaps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

_OTHER_SIDE = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Skeleton:
    """The keypoints that each object has, in the order of a model's outputs. Imports no torch.

    Attributes:
        names: One per keypoint.
        edges: Pairs of indices that are drawn as lines.
    """

    names: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def flip_order(self) -> tuple[int, ...]:
        """For each keypoint the index of the one that it becomes in a mirror.

        Pairs are known by their names: those that differ only by `left` and `right`, in any case (`left_eye` and
        `right_eye`, `LeftHand` and `RightHand`). A keypoint without such a partner stays what it is.
        """
        lowered = [name.casefold() for name in self.names]
        partners = [re.sub("left|right", lambda side: _OTHER_SIDE[side.group()], name) for name in lowered]
        return tuple(lowered.index(partner) if partner in lowered else index for index, partner in enumerate(partners))

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for checkpoints and exported models."""
        return {"names": list(self.names), "edges": [list(edge) for edge in self.edges]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(tuple(data["names"]), tuple((int(one), int(other)) for one, other in data["edges"]))
