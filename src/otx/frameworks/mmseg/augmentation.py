"""Augmentation by MMSegmentation, for samples with a mask or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otx.core.input_spec import InputSpec
from otx.frameworks.openmmlab_steps import Offer, build_pipeline
from otx.transforms.pipeline import Pipeline

OFFER = Offer(
    library="mmseg",
    steps=(
        "AdjustGamma",
        "CLAHE",
        "PhotoMetricDistortion",
        "RandomApply",
        "RandomChoice",
        "RandomChoiceResize",
        "RandomCrop",
        "RandomCutOut",
        "RandomFlip",
        "RandomMosaic",
        "RandomResize",
        "RandomRotFlip",
        "RandomRotate",
        "Resize",
        "ResizeShortestEdge",
    ),
    others={"RandomMosaic": 3},
    height_first=("RandomCrop",),
    moves_masks=True,
)


def build_augmentation(steps: Sequence[Mapping[str, Any]], input_spec: InputSpec) -> Pipeline:
    """The pipeline of a recipe that says `framework: mmseg`.

    Raises:
        MissingExtraError: MMSegmentation is not installed.
        UserError: There is no such step, or it does not take such arguments.
    """
    return build_pipeline(OFFER, steps, input_spec)
