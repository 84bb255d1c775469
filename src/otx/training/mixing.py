"""Mixes the images of a batch and their labels with each other: MixUp and CutMix of torchvision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torchvision.transforms import v2

from otx.core.errors import UserError
from otx.core.model import OTXModel
from otx.training.settings import TrainingSettings

Mixing = Callable[[Any], Any]
"""From a batch to a batch; its randomness is torch's."""


def make_mixing(settings: TrainingSettings, model: OTXModel[Any, Any]) -> Mixing | None:
    """What the settings ask for; where it is both, one or the other by chance for each batch.

    Raises:
        UserError: The model's losses cannot take shares of labels, or a parameter is negative.
    """
    alphas = {name: getattr(settings, name) for name in ("mixup", "cutmix") if getattr(settings, name)}
    for name, alpha in alphas.items():
        if alpha < 0:
            raise UserError(f"training.{name}: expected a number of at least 0, got {alpha}")
        if not model.soft_labels:
            msg = f"training.{name}: expected 0, because {type(model).__name__} learns from whole labels only"
            raise UserError(msg)
    if not alphas:
        return None
    classes = len(model.label_info)
    kinds = {"mixup": v2.MixUp, "cutmix": v2.CutMix}
    mix = v2.RandomChoice([kinds[name](alpha=alpha, num_classes=classes) for name, alpha in alphas.items()])

    def mixed(batch: Any) -> Any:  # noqa: ANN401 - of any task with labels
        images, labels = mix(batch.images.float(), batch.labels)
        return replace(batch, images=images, labels=labels)

    return mixed
