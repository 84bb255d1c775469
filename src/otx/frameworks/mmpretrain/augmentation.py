"""Augmentation by MMPretrain, for samples whose truth is about the whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otx.core.input_spec import InputSpec
from otx.frameworks.openmmlab_steps import Offer, build_pipeline
from otx.transforms.pipeline import Pipeline

OFFER = Offer(
    library="mmpretrain",
    steps=(
        "AutoAugment",
        "AutoContrast",
        "Brightness",
        "CenterCrop",
        "ColorJitter",
        "ColorTransform",
        "Contrast",
        "Cutout",
        "EfficientNetRandomCrop",
        "Equalize",
        "GaussianBlur",
        "Invert",
        "Pad",
        "Posterize",
        "RandAugment",
        "RandomApply",
        "RandomChoice",
        "RandomCrop",
        "RandomErasing",
        "RandomFlip",
        "RandomGrayscale",
        "RandomResize",
        "RandomResizedCrop",
        "Resize",
        "ResizeEdge",
        "Rotate",
        "Sharpness",
        "Shear",
        "Solarize",
        "SolarizeAdd",
        "Translate",
    ),
    height_first=("RandomCrop", "RandomResizedCrop"),
)


def build_augmentation(steps: Sequence[Mapping[str, Any]], input_spec: InputSpec) -> Pipeline:
    """The pipeline of a recipe that says `framework: mmpretrain`.

    Raises:
        MissingExtraError: MMPretrain is not installed.
        UserError: There is no such step, or it does not take such arguments.
    """
    return build_pipeline(OFFER, steps, input_spec)
