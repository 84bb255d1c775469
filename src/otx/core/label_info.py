"""The labels of a data set, in the order of a model's outputs. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from otx.core.errors import UserError


@dataclass(frozen=True)
class LabelInfo:
    """Names of the classes; position is the class index.

    Raises:
        UserError: A name occurs twice, or there is none.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            msg = "a data set needs at least one label, found none"
            raise UserError(msg)
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            msg = f"label names must be unique, found more than once: {', '.join(twice)}"
            raise UserError(msg)

    def __len__(self) -> int:
        return len(self.names)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for checkpoints and exported models."""
        return {"names": list(self.names)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(tuple(data["names"]))
