"""The labels of a data set, in the order of a model's outputs. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Self

from otx.core.errors import UserError
from otx.core.keypoints import Skeleton


@dataclass(frozen=True)
class LabelGroup:
    """Labels that answer one question about an image.

    Attributes:
        name: What the data set calls the group.
        labels: Names of its labels.
        parent: The label that must be true for the question to be asked; empty for one that is always asked.
        exclusive: Exactly one of the labels is true; otherwise each is true or not, whatever the others are.
    """

    name: str
    labels: tuple[str, ...]
    parent: str = ""
    exclusive: bool = True

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"name": self.name, "labels": list(self.labels), "parent": self.parent, "exclusive": self.exclusive}


@dataclass(frozen=True)
class LabelInfo:
    """Names of the classes; position is the class index.

    Attributes:
        names: In output order.
        groups: How the labels depend on each other, the group of a parent before those of its children; empty where
            the task has no use for that.
        keypoints: What each object has beside its label; none in most data sets.

    Raises:
        UserError: A name occurs twice, or there is none; or the groups do not have each label once, or depend on each
            other in a circle.
    """

    names: tuple[str, ...]
    groups: tuple[LabelGroup, ...] = ()
    keypoints: Skeleton = field(default_factory=Skeleton)

    def __post_init__(self) -> None:
        if not self.names:
            raise UserError("a data set needs at least one label, found none")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise UserError(f"label names must be unique, found more than once: {', '.join(twice)}")
        if self.groups:
            self._check_groups()

    def _check_groups(self) -> None:
        grouped = list(chain.from_iterable(group.labels for group in self.groups))
        if sorted(grouped) != sorted(self.names):
            raise UserError(f"expected each label in one group, found {', '.join(grouped)} for {', '.join(self.names)}")
        above = {""}
        for group in self.groups:
            if group.parent not in above:
                raise UserError(
                    f"the labels {', '.join(group.labels)} lie below {group.parent!r}, which does not stand above them"
                )
            above.update(group.labels)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def parents(self) -> dict[str, str]:
        """Label -> the label that it lies below, "" at the top; empty without groups."""
        return {label: group.parent for group in self.groups for label in group.labels}

    def questions(self) -> tuple[LabelGroup, ...]:
        """The groups; without any, all labels are one, whose labels exclude each other if there are several."""
        return self.groups or (LabelGroup("", self.names, exclusive=len(self.names) > 1),)

    def path(self, name: str) -> tuple[str, ...]:
        """A label with those that it lies below, the topmost first."""
        parent = self.parents.get(name, "")
        return (*self.path(parent), name) if parent else (name,)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for checkpoints and exported models."""
        groups = {"groups": [group.to_dict() for group in self.groups]} if self.groups else {}
        keypoints = {"keypoints": self.keypoints.to_dict()} if self.keypoints else {}
        return {"names": list(self.names)} | groups | keypoints

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        groups = [LabelGroup(**(group | {"labels": tuple(group["labels"])})) for group in data.get("groups", ())]
        keypoints = Skeleton.from_dict(data["keypoints"]) if "keypoints" in data else Skeleton()
        return cls(tuple(data["names"]), tuple(groups), keypoints)
