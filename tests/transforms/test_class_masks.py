"""A mask of classes: what the image does not show is ignored, and stays whole where it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.masks import IGNORED
from otx.transforms.fields import no_draw
from otx.transforms.fit import FitToInput
from otx.transforms.pipeline import build_transform

SPEC = InputSpec(height=64, width=64)


@dataclass
class ClassSample(OTXDataEntity):
    mask_fill: ClassVar[int] = IGNORED
    measured_at_original: ClassVar[tuple[str, ...]] = ("mask",)

    mask: tv_tensors.Mask


def sample(height: int = 48, width: int = 96) -> ClassSample:
    """The left half is dark and class 0, the right half bright and class 7."""
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[:, width // 2 :] = 7
    image = tv_tensors.Image(((mask > 0) * 200 + 20).to(torch.uint8).expand(3, height, width).clone())
    return ClassSample(image, ImageInfo(height=height, width=width), tv_tensors.Mask(mask))


STEPS = [
    {"name": "RandomZoom", "scale": [0.4, 0.5]},
    {"name": "RandomRotation", "degrees": [40, 50]},
    {"name": "RandomRotation", "degrees": [40, 50], "fill": 3},
    {"name": "RandomAffine", "degrees": 0, "translate": [0.3, 0.3], "p": 1.0},
    {"name": "RandomPerspective", "distortion_scale": 0.8, "p": 1.0, "fill": 255},
    {"name": "RandomZoomOut", "side_range": [2, 3], "p": 1.0},
    {"name": "CenterCrop", "size": [200, 200]},
    {"name": "Pad", "padding": 30},
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["name"])
def test_what_a_step_adds_is_ignored(step) -> None:
    torch.manual_seed(0)
    moved = build_transform([step], SPEC)(sample(), no_draw)
    assert moved.mask.shape == (64, 64)
    assert set(moved.mask.unique().tolist()) == {0, 7, IGNORED}
    brightness = moved.image[0].float()
    # Away from edges the pixels still are what the mask says.
    assert (brightness[moved.mask == 7] > 110).float().mean() > 0.95
    assert (brightness[moved.mask == 0] < 110).float().mean() > 0.95


@pytest.mark.parametrize("resize", list(ResizeMode))
def test_evaluation_leaves_the_mask_in_the_original_image(resize) -> None:
    spec = InputSpec(height=64, width=64, resize=resize)
    original, fitted = sample(), FitToInput(spec, evaluation=True)(sample())
    assert fitted.image.shape == (3, 64, 64)
    assert torch.equal(fitted.mask, original.mask)
    trained_on = FitToInput(spec)(sample())
    assert trained_on.mask.shape == (64, 64)
    assert (trained_on.mask == IGNORED).any() == (resize is ResizeMode.LETTERBOX)


def test_masks_are_resized_to_where_the_image_is() -> None:
    """`nearest` of old would shift the mask by half a pixel of the original."""
    moved = FitToInput(InputSpec(height=16, width=16))(sample(80, 80))
    columns = torch.arange(16)
    assert torch.equal((moved.mask[0] == 7), columns >= 8)
    odd = FitToInput(InputSpec(height=32, width=32))(sample(32, 90))
    assert torch.equal(odd.mask[0] == 7, odd.image[0, 0] > 120)
