"""What a task's metric looks like to training and testing. Imports no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from otx.core.label_info import LabelInfo

BatchT_contra = TypeVar("BatchT_contra", contravariant=True)
PredT_contra = TypeVar("PredT_contra", contravariant=True)


Times = npt.NDArray[np.integer[Any]]
"""How often each image of a subset counts, in the order in which they were added."""


@dataclass(frozen=True)
class MetricResult:
    """Values of a task's metrics over a subset.

    Attributes:
        values: Scalars by their names in the literature, for example `map_50`.
        per_class: Label name -> metric name -> value.
        curves: Material for plots, JSON-serialisable, for example `confusion_matrix` as rows of counts.
    """

    values: dict[str, float]
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)


def by_label(names: Sequence[str], shown: Any, **columns: Any) -> dict[str, dict[str, float]]:  # noqa: ANN401 - arrays
    """Figures of the labels that are shown, from a column for each figure: arrays or tensors with a value per label."""
    figures = {name: {key: float(column[i]) for key, column in columns.items()} for i, name in enumerate(names)}
    return {name: figures[name] for name, is_shown in zip(names, shown, strict=True) if is_shown}


class LabelMetric(ABC):
    """The part of a metric that is the same for all tasks.

    Args:
        label_info: Classes in output order.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        self.label_info = label_info
        self.reset()

    @abstractmethod
    def reset(self) -> None:
        """Forget all batches."""


class TaskMetric(Protocol[PredT_contra, BatchT_contra]):
    """Accumulates predictions and truth over a subset; torch models and exported models use the same one."""

    def update(self, prediction: PredT_contra, truth: BatchT_contra) -> None:
        """Add a batch."""

    def compute(self) -> MetricResult:
        """Metrics over all batches since the last reset."""

    @property
    def images(self) -> int:
        """Number of images since the last reset."""

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """The scalars of `compute` alone, as if each image had been there so many times; None is once.

        Figures that are only to be had with all images at once are left out.
        """

    def reset(self) -> None:
        """Forget all batches."""
