"""Augmentation by MMDetection, for samples of any task with boxes or none."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor

from otx.frameworks.openmmlab_steps import Offer, build_pipeline


def _objects(boxes_N4: Tensor, masks_NHW: Tensor | None) -> dict[str, Any]:
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    objects = {"gt_bboxes": HorizontalBoxes(boxes_N4)}
    if masks_NHW is not None:
        objects["gt_masks"] = BitmapMasks(masks_NHW.numpy().copy(), *masks_NHW.shape[-2:])
    return objects


STEPS = (
    "AutoAugment", "AutoContrast", "Brightness", "Color", "ColorTransform", "Contrast", "CopyPaste", "CutOut",
    "Equalize", "Expand", "FixShapeResize", "Invert", "MinIoURandomCrop", "MixUp", "Mosaic", "Pad",
    "PhotoMetricDistortion", "Posterize", "RandAugment", "RandomAffine", "RandomApply", "RandomChoice",
    "RandomChoiceResize", "RandomCrop", "RandomErasing", "RandomFlip", "RandomResize", "RandomShift", "Resize",
    "ResizeShortestEdge", "Rotate", "Sharpness", "ShearX", "ShearY", "Solarize", "TranslateX", "TranslateY",
    "YOLOXHSVRandomAug",
)  # fmt: skip

OFFER = Offer(
    library="mmdet",
    objects=_objects,
    moves_masks=True,
    steps=STEPS,
    others={"CopyPaste": 1, "MixUp": 1, "Mosaic": 3},
    # An image without objects is a legal sample here.
    defaults={"RandomCrop": {"allow_negative_crop": True}},
)

build_augmentation = partial(build_pipeline, OFFER)
"""The pipeline of a recipe that says `framework: mmdet`; raises what `build_pipeline` does."""
