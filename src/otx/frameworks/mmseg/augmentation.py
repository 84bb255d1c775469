"""Augmentation by MMSegmentation, for samples with a mask or none."""

from __future__ import annotations

from functools import partial

from otx.frameworks.openmmlab_steps import Offer, build_pipeline

STEPS = (
    "AdjustGamma", "CLAHE", "PhotoMetricDistortion", "RandomApply", "RandomChoice", "RandomChoiceResize", "RandomCrop",
    "RandomCutOut", "RandomFlip", "RandomMosaic", "RandomResize", "RandomRotFlip", "RandomRotate", "Resize",
    "ResizeShortestEdge",
)  # fmt: skip

OFFER = Offer(library="mmseg", steps=STEPS, others={"RandomMosaic": 3}, height_first=("RandomCrop",), moves_masks=True)

build_augmentation = partial(build_pipeline, OFFER)
"""The pipeline of a recipe that says `framework: mmseg`; raises what `build_pipeline` does."""
