"""The steps of our own do to pixels, boxes and masks what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as F

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec, ResizeMode
from otx.transforms.color import RandomColorTwist, color_matrix
from otx.transforms.fields import no_draw
from otx.transforms.mosaic import Mosaic
from otx.transforms.steps import make_step
from otx.transforms.zoom import RandomZoom


def spec(mode: ResizeMode = ResizeMode.STRETCH) -> InputSpec:
    return InputSpec(height=64, width=96, resize=mode)


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_zoom_keeps_pixels_boxes_and_masks_together(make_sample, assert_consistent, mode) -> None:
    step = RandomZoom(spec(mode), scale=(0.4, 2.5))
    kept = set()
    for seed in range(40):
        torch.manual_seed(seed)
        zoomed = step(make_sample(), no_draw)
        assert zoomed.image.shape == (3, 64, 96)
        assert_consistent(zoomed, tolerance=4.0)
        kept.add(tuple(zoomed.mark.tolist()))
    assert kept >= {(0, 1), (0,), (1,)}


def test_zoom_drops_what_is_hardly_visible(make_sample) -> None:
    strict, lax = RandomZoom(spec(), scale=(3, 3), min_visible=0.9), RandomZoom(spec(), scale=(3, 3), min_visible=0.01)
    counts = []
    for step in (strict, lax):
        torch.manual_seed(0)
        counts.append(sum(len(step(make_sample(), no_draw).bboxes) for _ in range(30)))
    assert counts[0] < counts[1]


def test_zoom_takes_images_without_objects_and_of_one_pixel(make_sample) -> None:
    step = RandomZoom(spec())
    assert len(step(make_sample(boxes=[]), no_draw).bboxes) == 0
    assert step(make_sample(1, 1, boxes=[]), no_draw).image.shape == (3, 64, 96)


def test_mosaic_joins_four_samples(make_sample, assert_consistent) -> None:
    step = Mosaic(spec(), scale=(1, 1), p=1.0)
    joined = step(make_sample(), lambda count: [make_sample(seed=seed) for seed in range(1, count + 1)])
    assert joined.image.shape == (3, 64, 96)
    assert joined.mark.tolist() == [0, 1, 10, 11, 20, 21, 30, 31]
    assert_consistent(joined, tolerance=3.0)


def test_mosaic_does_not_write_into_its_samples(make_sample) -> None:
    samples = [make_sample(32, 48, boxes=[], seed=seed) for seed in range(4)]
    before = [sample.image.clone() for sample in samples]
    Mosaic(spec(), p=1.0)(samples[0], lambda count: samples[1:])
    assert all(torch.equal(sample.image, image) for sample, image in zip(samples, before, strict=True))


def test_mosaic_needs_boxes_and_others(make_sample, class_sample) -> None:
    with pytest.raises(UserError, match="has none; remove the step"):
        Mosaic(spec(), p=1.0)(class_sample, no_draw)
    with pytest.raises(UserError, match="needs 3 other images"):
        Mosaic(spec(), p=1.0)(make_sample(), no_draw)


def test_color_twist_is_what_torchvision_does_step_by_step() -> None:
    image = torch.randint(60, 180, (3, 40, 50), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    pixels = image.reshape(3, -1).double().numpy()
    pixels = np.vstack([pixels, np.ones(pixels.shape[1])])
    grey = float(F.rgb_to_grayscale(image).float().mean())

    def ours(**change: float) -> np.ndarray:
        settings = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0} | change
        return np.clip(color_matrix(**settings, grey=grey) @ pixels, 0, 255)

    def close(mine: np.ndarray, theirs: torch.Tensor, tolerance: float) -> bool:
        return bool(np.abs(mine - theirs.reshape(3, -1).numpy()).max() <= tolerance)

    assert close(ours(), image, 1e-6)
    assert close(ours(brightness=1.2), F.adjust_brightness(image, 1.2), 1)
    assert close(ours(contrast=0.7), F.adjust_contrast(image, 0.7), 1.5)
    assert close(ours(saturation=1.4), F.adjust_saturation(image, 1.4), 2)
    red_to_green = color_matrix(1, 1, 1, 1 / 3, grey=grey) @ np.array([200, 40, 40, 1])
    assert red_to_green[1] > red_to_green[0] or red_to_green[2] > red_to_green[0]


def test_color_twist_leaves_geometry_alone_and_needs_rgb(make_sample) -> None:
    torch.manual_seed(0)
    sample = make_sample()
    twisted = RandomColorTwist(p=1.0)(sample, no_draw)
    assert twisted.bboxes is sample.bboxes
    assert twisted.image.shape == sample.image.shape
    assert not torch.equal(twisted.image, sample.image)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_color_twist_changes_the_light_of_any_image(make_sample, channels, dtype) -> None:
    torch.manual_seed(0)
    sample = make_sample()
    pixels = sample.image[:1].float().repeat(channels, 1, 1) * (200 if dtype == torch.uint16 else 1)
    sample.image = type(sample.image)(pixels.to(dtype))
    before = sample.image.float()
    after = RandomColorTwist(p=1.0, hue=0.0, saturation=0.0)(sample, no_draw).image
    assert (after.dtype, after.shape) == (dtype, sample.image.shape)
    assert 0.005 < (after.float().mean() / before.mean() - 1).abs() < 0.6
    assert torch.corrcoef(torch.stack([before.flatten(), after.float().flatten()]))[0, 1] > 0.9


@pytest.mark.parametrize("name", ["ColorJitter", "RandAugment", "RandomPosterize"])
def test_steps_for_pictures_are_refused_elsewhere(name) -> None:
    deep = InputSpec(height=32, width=32, channels=1, mean=(0.5,), std=(0.5,), max_value=4095, dtype="uint16")
    with pytest.raises(UserError, match=f"'{name}' is for 8-bit RGB, but images have 1 channel of uint16"):
        make_step({"name": name, "bits": 4} if name == "RandomPosterize" else {"name": name}, deep)
    make_step({"name": "RandomHorizontalFlip"}, deep)


def test_a_probability_of_zero_does_nothing(make_sample) -> None:
    sample = make_sample()
    for step in (RandomZoom(spec(), p=0), RandomColorTwist(p=0), Mosaic(spec(), p=0)):
        assert step(sample, no_draw) is sample


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomZoom(spec(), scale=(2, 1)), "expected scale"),
        (lambda: RandomZoom(spec(), aspect=0.5), "expected an aspect"),
        (lambda: Mosaic(spec(), scale=(1,)), "expected scale"),
        (lambda: Mosaic(spec(), centre=(0.5, 1.0)), "expected centre"),
        (lambda: RandomColorTwist(hue=0.6), "expected strengths"),
        (lambda: RandomColorTwist(contrast=-1), "expected strengths"),
    ],
)
def test_wrong_ranges_are_refused(make, message) -> None:
    with pytest.raises(UserError, match=message):
        make()


def test_zoom_refuses_boxes_that_it_would_misread(make_sample) -> None:
    sample = make_sample()
    sample.bboxes = F.convert_bounding_box_format(sample.bboxes, new_format="CXCYWH")
    with pytest.raises(UserError, match="needs XYXY boxes"):
        RandomZoom(spec())(sample, no_draw)
