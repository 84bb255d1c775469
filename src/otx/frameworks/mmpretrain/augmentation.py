"""Augmentation by MMPretrain, for samples whose truth is about the whole image."""

from __future__ import annotations

from functools import partial

from otx.frameworks.openmmlab_steps import Offer, build_pipeline

STEPS = (
    "AutoAugment", "AutoContrast", "Brightness", "CenterCrop", "ColorJitter", "ColorTransform", "Contrast", "Cutout",
    "EfficientNetRandomCrop", "Equalize", "GaussianBlur", "Invert", "Pad", "Posterize", "RandAugment", "RandomApply",
    "RandomChoice", "RandomCrop", "RandomErasing", "RandomFlip", "RandomGrayscale", "RandomResize", "RandomResizedCrop",
    "Resize", "ResizeEdge", "Rotate", "Sharpness", "Shear", "Solarize", "SolarizeAdd", "Translate",
)  # fmt: skip

OFFER = Offer(library="mmpretrain", steps=STEPS, height_first=("RandomCrop", "RandomResizedCrop"))

build_augmentation = partial(build_pipeline, OFFER)
"""The pipeline of a recipe that says `framework: mmpretrain`; raises what `build_pipeline` does."""
