"""Augmentation by MMDetection, for samples of any task with boxes or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from otx.core.input_spec import InputSpec
from otx.frameworks.openmmlab_steps import Offer, build_pipeline
from otx.transforms.pipeline import Pipeline


def _objects(boxes_N4: Tensor, masks_NHW: Tensor | None) -> dict[str, Any]:
    from mmdet.structures.bbox import HorizontalBoxes
    from mmdet.structures.mask import BitmapMasks

    objects = {"gt_bboxes": HorizontalBoxes(boxes_N4)}
    if masks_NHW is not None:
        objects["gt_masks"] = BitmapMasks(masks_NHW.numpy().copy(), *masks_NHW.shape[-2:])
    return objects


OFFER = Offer(
    library="mmdet",
    objects=_objects,
    moves_masks=True,
    steps=(
        "AutoAugment",
        "AutoContrast",
        "Brightness",
        "Color",
        "ColorTransform",
        "Contrast",
        "CopyPaste",
        "CutOut",
        "Equalize",
        "Expand",
        "FixShapeResize",
        "Invert",
        "MinIoURandomCrop",
        "MixUp",
        "Mosaic",
        "Pad",
        "PhotoMetricDistortion",
        "Posterize",
        "RandAugment",
        "RandomAffine",
        "RandomApply",
        "RandomChoice",
        "RandomChoiceResize",
        "RandomCrop",
        "RandomErasing",
        "RandomFlip",
        "RandomResize",
        "RandomShift",
        "Resize",
        "ResizeShortestEdge",
        "Rotate",
        "Sharpness",
        "ShearX",
        "ShearY",
        "Solarize",
        "TranslateX",
        "TranslateY",
        "YOLOXHSVRandomAug",
    ),
    others={"CopyPaste": 1, "MixUp": 1, "Mosaic": 3},
    # An image without objects is a legal sample here.
    defaults={"RandomCrop": {"allow_negative_crop": True}},
)


def build_augmentation(steps: Sequence[Mapping[str, Any]], input_spec: InputSpec) -> Pipeline:
    """The pipeline of a recipe that says `framework: mmdet`.

    Raises:
        MissingExtraError: MMDetection is not installed.
        UserError: There is no such step, or it does not take such arguments.
    """
    return build_pipeline(OFFER, steps, input_spec)
