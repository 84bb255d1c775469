"""The training pipeline: steps that a recipe declares, and what every pipeline must end with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otx.core.entity import SampleT
from otx.core.input_spec import InputSpec
from otx.transforms.fields import Draw, Step, drop_vanished, no_draw
from otx.transforms.fit import FitToInput
from otx.transforms.steps import make_step


class Pipeline:
    """Steps in a row, then a fit to the model's size where they did not end at it; images stay uint8.

    Objects that have left the image are removed at the end. Randomness comes from torch's global generator, which the
    data set seeds per item. `ImageInfo` does not follow random steps: training needs no way back to the original.

    Args:
        steps: Applied in this order.
        input_spec: Of the model.
    """

    def __init__(self, steps: Sequence[Step], input_spec: InputSpec) -> None:
        self.steps = tuple(steps)
        self.fit = FitToInput(input_spec)

    def __call__(self, sample: SampleT, draw: Draw = no_draw) -> SampleT:
        """Apply all steps.

        Args:
            sample: As the task's reader made it.
            draw: Gives other samples of the data set to steps that mix several.
        """
        for step in self.steps:
            sample = step(sample, draw)
        if tuple(sample.image.shape[-2:]) != self.fit.input_spec.size:
            sample = self.fit(sample)
        return drop_vanished(sample)


def build_transform(steps: Sequence[Mapping[str, Any]], input_spec: InputSpec) -> Pipeline:
    """Build the pipeline that a recipe declares.

    Args:
        steps: Name and arguments of each step, for example `{"name": "RandomHorizontalFlip", "p": 0.5}`: a class of
            `torchvision.transforms.v2` or of this room (`RandomZoom`, `RandomColorTwist`, `Mosaic`, `FitToInput`).
            `size: input` stands for the model's size. Put steps that change the size first: the others then work on
            fewer pixels.
        input_spec: Of the model.

    Raises:
        UserError: There is no such step, or it does not take such arguments.
    """
    return Pipeline([make_step(step, input_spec) for step in steps], input_spec)
