"""What happens to one frame of a clip happens to all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.generated import moving
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import pil_to_tensor

from otx.core.entity import OTXDataEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.data.seeding import seeded
from otx.transforms.fit import FitToInput, fit_alone
from otx.transforms.pipeline import build_transform

STEPS: list[dict[str, Any]] = [
    {"name": "RandomZoom", "scale": [0.6, 1.6]},
    {"name": "RandomResizedCrop", "size": "input"},
    {"name": "RandomHorizontalFlip", "p": 0.5},
    {"name": "RandomColorTwist"},
    {"name": "RandomErasing", "p": 1.0},
    {"name": "RandomRotation", "degrees": 20},
]


def sample(frames: list[torch.Tensor] | None = None) -> OTXDataEntity:
    """Two clips of three frames."""
    shown = [pil_to_tensor(frame) for frame in moving(6, 50, 80)] if frames is None else frames
    clips = torch.stack(shown).view(-1, 3, 3, 50, 80)
    return OTXDataEntity(image=tv_tensors.Video(clips), img_info=ImageInfo(height=50, width=80))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["name"])
def test_equal_frames_stay_equal(step: dict[str, Any]) -> None:
    spec = InputSpec(height=32, width=32, frames=3)
    frame = torch.randint(0, 255, (3, 50, 80), dtype=torch.uint8)
    for seed in range(4):
        with seeded(seed):
            done = build_transform([step], spec)(sample([frame] * 3)).image
        assert isinstance(done, tv_tensors.Video)
        assert done.shape == (1, 3, 3, 32, 32)
        assert done.dtype == torch.uint8
        assert (done == done[:, :1]).all()


@pytest.mark.parametrize("resize", list(ResizeMode))
def test_frames_are_fitted_as_images_are(resize: ResizeMode) -> None:
    spec = InputSpec(height=32, width=48, frames=3, resize=resize, crop_ratio=0.875)
    clip = sample()
    fitted = FitToInput(spec)(clip)
    assert fitted.image.shape == (2, 3, 3, 32, 48)
    for number in range(6):
        image = tv_tensors.Image(clip.image.flatten(0, 1)[number])
        alone = FitToInput(spec)(replace(clip, image=image))
        assert torch.equal(fitted.image.flatten(0, 1)[number], alone.image)
        assert alone.img_info == fitted.img_info
    images, info = fit_alone(clip.image, "a.mp4", spec)
    assert torch.equal(images, fitted.image)
    assert (info.scale, info.offset, info.path) == (fitted.img_info.scale, fitted.img_info.offset, "a.mp4")
