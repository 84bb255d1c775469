"""What an epoch came to, as it is printed, written to files and told to listeners. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """One epoch of training.

    Attributes:
        epoch: Counted from 1.
        max_epochs: Planned number of epochs.
        losses: Mean training losses by name.
        metrics: Of the validation after this epoch; empty if there was none.
        lr: Learning rate at the last step.
        images: Number of training images.
        train_seconds: Time of the training part.
        seconds: Time of the epoch with its validation.
        is_best: Whether no epoch before was better.
        pseudo_labelled: Share of the images without labels that the averaged weights were sure of; None without such.
    """

    epoch: int
    max_epochs: int
    losses: dict[str, float]
    metrics: dict[str, float]
    lr: float
    images: int
    train_seconds: float
    seconds: float
    is_best: bool
    pseudo_labelled: float | None = None

    @property
    def loss(self) -> float:
        """What was minimised."""
        return sum(self.losses.values())

    @property
    def images_per_second(self) -> float:
        """Speed of the training part."""
        return self.images / max(self.train_seconds, 1e-9)

    def row(self) -> dict[str, Any]:
        """One row of `metrics.csv`."""
        parts = {f"loss_{name}": value for name, value in self.losses.items()} if len(self.losses) > 1 else {}
        speed = {"seconds": round(self.seconds, 3), "images_per_second": round(self.images_per_second, 2)}
        if self.pseudo_labelled is not None:
            parts["pseudo_labelled"] = round(self.pseudo_labelled, 4)
        return {"epoch": self.epoch, "train_loss": self.loss, **parts, **self.metrics, "lr": self.lr, **speed}

    def line(self, monitor: str, shown: int = 3) -> str:
        """One line for people: the watched metric first, then a few others."""
        names = sorted(self.metrics, key=lambda name: name != monitor)[:shown]
        values = "".join(f"  {name} {self.metrics[name]:.4f}" for name in names)
        # A model that is fitted has neither.
        loss, lr = (f"  loss {self.loss:.4f}", f"  lr {self.lr:.2e}") if self.losses else ("", "")
        return (
            f"epoch {self.epoch}/{self.max_epochs}{loss}{values}{lr}  "
            f"{self.images_per_second:.1f} img/s  {self.seconds:.1f} s{'  best' if self.is_best else ''}"
        )


Listener = Callable[[EpochReport], None]
