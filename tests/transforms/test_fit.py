"""Every image becomes the model's size, and its coordinates can be mapped back."""

from __future__ import annotations

import pytest
import torch

from otx.core.frames import to_input, to_original
from otx.core.input_spec import InputSpec, ResizeMode
from otx.transforms.fit import FitToInput, fit_image


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize("size", [(60, 100), (100, 60), (64, 96), (7, 300), (1, 1)])
def test_the_size_is_the_models_and_a_bare_image_is_treated_alike(make_sample, mode, size) -> None:
    spec = InputSpec(height=64, width=96, resize=mode, crop_ratio=0.875)
    sample = make_sample(*size, boxes=[])
    fitted = FitToInput(spec)(sample)
    image, scale, offset = fit_image(sample.image, spec)
    assert fitted.image.shape == (3, 64, 96)
    assert fitted.image.dtype == torch.uint8
    assert torch.equal(torch.as_tensor(fitted.image), torch.as_tensor(image))
    assert (fitted.img_info.scale, fitted.img_info.offset) == (scale, offset)
    assert fitted.masks.shape == (0, 64, 96)


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_boxes_follow_and_map_back(make_sample, assert_consistent, mode) -> None:
    sample = make_sample(120, 200, boxes=[[80, 40, 130, 90], [70, 30, 90, 110]])
    fitted = FitToInput(InputSpec(height=96, width=96, resize=mode, crop_ratio=0.9))(sample)
    assert_consistent(fitted)
    assert torch.allclose(to_original(fitted.bboxes, fitted.img_info), torch.as_tensor(sample.bboxes), atol=1e-3)
    assert torch.allclose(to_input(sample.bboxes, fitted.img_info), torch.as_tensor(fitted.bboxes), atol=1e-3)


def test_letterbox_pads_right_and_below(make_sample) -> None:
    spec = InputSpec(height=64, width=64, resize=ResizeMode.LETTERBOX, pad_value=77)
    fitted = FitToInput(spec)(make_sample(60, 120, boxes=[]))
    assert (fitted.image[:, 32:] == 77).all()
    assert (fitted.image[:, :32] == 20).all()
    assert fitted.img_info.offset == (0, 0)


def test_center_crop_leaves_out_what_it_cuts_off(make_sample) -> None:
    spec = InputSpec(height=64, width=64, resize=ResizeMode.CENTER_CROP)
    fitted = FitToInput(spec)(make_sample(64, 192, boxes=[[0, 0, 20, 20], [80, 10, 120, 50]]))
    assert fitted.mark.tolist() == [1]
    assert fitted.img_info.offset == (-64, 0)


def test_an_image_of_the_right_size_is_left_alone(make_sample) -> None:
    sample = make_sample(64, 64, boxes=[[0, 0, 20, 20]])
    fitted = FitToInput(InputSpec(height=64, width=64))(sample)
    assert torch.equal(torch.as_tensor(fitted.image), torch.as_tensor(sample.image))
    assert fitted.img_info.scale == (1, 1)


def test_the_layout_of_the_memory_does_not_change_the_result() -> None:
    image = torch.randint(0, 256, (3, 91, 133), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    spec = InputSpec(height=64, width=96)
    interleaved = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(fit_image(image, spec)[0], fit_image(interleaved, spec)[0])


def test_a_mask_is_read_at_the_centres_of_its_new_pixels(make_sample) -> None:
    sample = make_sample(60, 90, boxes=[[0, 0, 90, 60]])
    sample.masks.zero_()[:, 1::3, 1::3] = 1
    assert FitToInput(InputSpec(height=20, width=30))(sample).masks.all()
