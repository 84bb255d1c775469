"""Learning from images without labels: the average of the weights labels them for the network that is trained.

The average is a mean teacher (Tarvainen and Valpola, 2017); what it is sure of in one view becomes the truth of another
(FixMatch, Sohn et al., 2020). Which labels those are, and what is lost on them, is the task's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from otx.core.errors import UserError
from otx.core.model import OTXModel
from otx.training.average import WeightAverage
from otx.training.settings import UnlabeledSettings

FEWEST = 2
"""Images that a batch of the network needs: batch normalisation fails on one."""
LOSS = "unlabelled"


@dataclass(frozen=True)
class Unlabeled:
    """Where images without labels come from, and what a prediction on them teaches.

    Attributes:
        images: How many there are.
        batches: From a step's number to the batches of this and all later steps; a batch has `images` and the view
            `strong` of the same pixels.
        label: The task's function from a prediction and a threshold to a batch of its own, with what is sure.
    """

    images: int
    batches: Callable[[int], Iterable[Any]]
    label: Callable[[Any, float], Any]


@dataclass(eq=False)
class Teacher:
    """Makes the loss of a step on images without labels.

    Attributes:
        unlabeled: The images.
        settings: How much they count.
        model: What is trained.
        average: Of its weights; labels the images.
        place: Puts a batch where the model is.

    Raises:
        UserError: A setting is out of its range.
    """

    unlabeled: Unlabeled
    settings: UnlabeledSettings
    model: OTXModel[Any, Any]
    average: WeightAverage
    place: Callable[[Any], Any]
    _batches: Iterator[Any] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        if not (0 <= settings.threshold <= 1 and settings.weight > 0 and 0 <= settings.ramp <= 1):
            msg = f"training.unlabeled: expected threshold and ramp within [0, 1] and a weight above 0, got {settings}"
            raise UserError(msg)

    def loss(self, step: int, progress: float) -> tuple[Tensor, float]:
        """The weighted loss of the next batch, and the share of its images that got a label.

        Args:
            step: Number of the batch since the very start of the run; they come in a row.
            progress: Share of the run that is over.
        """
        if self._batches is None:
            self._batches = iter(self.unlabeled.batches(step))
        batch = self.place(next(self._batches))
        lesson = self._lesson(batch)
        if lesson.batch_size < FEWEST:
            return batch.images.new_zeros((), dtype=torch.float32), 0.0
        # Images without a label count as a loss of zero, so that few labels weigh little.
        share = lesson.batch_size / batch.batch_size
        ramp = min(1.0, progress / self.settings.ramp) if self.settings.ramp else 1.0
        return self.settings.weight * ramp * share * self.model(self.place(lesson)).total, share

    @torch.no_grad()
    def _lesson(self, batch: Any) -> Any:  # noqa: ANN401 - a batch of the task
        # Autocast remembers weights by their tensor, and the tensors change their content here.
        torch.clear_autocast_cache()
        with self.average.applied():
            self.model.eval()
            prediction = self.model(batch)
            self.model.train()
        torch.clear_autocast_cache()
        return self.unlabeled.label(replace(prediction, images=batch.strong), self.settings.threshold)
