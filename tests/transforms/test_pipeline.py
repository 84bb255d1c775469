"""Recipes become pipelines; what is wrong in them is told by name."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.tasks.detection.entity import DetDataEntity
from otx.tasks.keypoint_detection.entity import KeypointDataEntity
from otx.tasks.multi_class_classification.entity import MultiClassClsDataEntity
from otx.transforms.pipeline import build_transform
from otx.transforms.steps import OURS, TORCHVISION

SPEC = InputSpec(height=64, width=96)
NEEDED = {
    "CenterCrop": {"size": "input"},
    "ElasticTransform": {"alpha": 10.0},
    "GaussianBlur": {"kernel_size": 3},
    "Pad": {"padding": 4},
    "RandomAdjustSharpness": {"sharpness_factor": 2},
    "RandomAffine": {"degrees": 10, "translate": [0.1, 0.1], "scale": [0.7, 1.3]},
    "RandomCrop": {"size": "input", "padding": 30},
    "RandomPosterize": {"bits": 4},
    "RandomResize": {"min_size": 40, "max_size": 80},
    "RandomResizedCrop": {"size": "input", "scale": [0.3, 1.0]},
    "RandomRotation": {"degrees": 15},
    "RandomShortestSize": {"min_size": [40, 50]},
    "RandomSolarize": {"threshold": 128},
    "Resize": {"size": "input"},
    "ScaleJitter": {"target_size": "input"},
}
IMAGE_ONLY = {"AugMix", "RandAugment", "TrivialAugmentWide"}


@pytest.mark.parametrize("name", sorted([*OURS, *TORCHVISION]))
def test_every_step_on_offer_works(make_sample, class_sample, name) -> None:
    transform = build_transform([{"name": name, **NEEDED.get(name, {})}], SPEC)
    samples = [class_sample] if name not in {"Mosaic", "RandomIoUCrop"} else []
    samples += [make_sample(), make_sample(boxes=[])] if name not in IMAGE_ONLY else []
    for seed in range(3):
        torch.manual_seed(seed)
        for sample in samples:
            result = transform(sample, lambda count: [make_sample(seed=5)] * count)
            assert type(result) is type(sample)
            assert result.image.shape == (3, 64, 96)
            assert result.image.dtype == torch.uint8
            if hasattr(result, "bboxes"):
                assert len(result.bboxes) == len(result.masks) == len(result.mark)
                assert result.bboxes.canvas_size == (64, 96)


@pytest.mark.parametrize("name", sorted({*OURS, *TORCHVISION} - IMAGE_ONLY))
def test_every_step_takes_keypoints(name) -> None:
    """Those that are still labelled lie in the image."""
    image = tv_tensors.Image(torch.randint(0, 256, (3, 60, 100), dtype=torch.uint8))
    sample = KeypointDataEntity(
        image=image,
        img_info=ImageInfo(height=60, width=100),
        bboxes=tv_tensors.BoundingBoxes([[10.0, 10, 60, 50], [70, 5, 95, 30]], format="XYXY", canvas_size=(60, 100)),
        labels=torch.tensor([0, 1]),
        keypoints=tv_tensors.KeyPoints([[[12.0, 20], [55, 45]], [[72, 6], [94, 29]]], canvas_size=(60, 100)),
        visible=torch.tensor([[2, 1], [2, 0]]),
        areas=torch.tensor([1000.0, 300.0]),
        flip_order=(1, 0),
    )
    transform = build_transform([{"name": name, **NEEDED.get(name, {})}], SPEC)
    for seed in range(5):
        torch.manual_seed(seed)
        result = transform(sample, lambda count: [sample] * count)
        assert result.keypoints.canvas_size == (64, 96)
        labelled = result.keypoints[result.visible > 0]
        assert ((labelled >= 0) & (labelled <= torch.tensor([96, 64]))).all()


def test_every_step_takes_a_probability(make_sample) -> None:
    sample = make_sample(64, 96)
    never = build_transform([{"name": "GaussianBlur", "kernel_size": 3, "p": 0.0}], SPEC)
    assert torch.equal(never(sample).image, sample.image)
    always = build_transform([{"name": "GaussianBlur", "kernel_size": 3, "p": 1.0}], SPEC)
    assert not torch.equal(always(sample).image, sample.image)


def test_no_steps_mean_a_fit(make_sample) -> None:
    assert build_transform([], SPEC)(make_sample()).image.shape == (3, 64, 96)


def test_objects_that_vanish_take_their_labels_along(make_sample) -> None:
    transform = build_transform([{"name": "CenterCrop", "size": [20, 20]}], SPEC)
    result = transform(make_sample(60, 100, boxes=[[0, 0, 10, 10], [45, 25, 55, 35]]))
    assert result.mark.tolist() == [1]
    assert len(result.masks) == 1


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"name": "RandomHorizontalFlop"}, "Did you mean 'RandomHorizontalFlip'"),
        ({"name": "RandomZom"}, "Did you mean 'RandomZoom'"),
        ({"name": "Normalize", "mean": [0.5]}, "the model normalises"),
        ({"p": 0.5}, "needs a name"),
        ({"name": "RandomHorizontalFlip", "prob": 0.5}, "has no argument 'prob'"),
        ({"name": "ColorJitter", "brightnes": 0.5}, "Did you mean 'brightness'"),
        ({"name": "RandomZoom", "input_spec": 3}, "has no argument 'input_spec'"),
        ({"name": "RandomResizedCrop"}, "needs the argument 'size'; `size: input`"),
        ({"name": "RandomRotation"}, "needs the argument 'degrees'$"),
        ({"name": "RandomHorizontalFlip", "p": 3}, "does not take"),
        ({"name": "RandomZoom", "scale": "big"}, "does not take|expected scale"),
        ({"name": "ColorJitter", "brightness": -1}, "does not take"),
    ],
)
def test_mistakes_in_a_recipe_are_named(step, message) -> None:
    with pytest.raises(UserError, match=message):
        build_transform([step], SPEC)


def test_a_step_that_fails_names_itself_and_the_image(make_sample) -> None:
    transform = build_transform([{"name": "RandomCrop", "size": [500, 500]}], SPEC)
    with pytest.raises(UserError, match=r"'RandomCrop' failed on made\.png"):
        transform(make_sample())


def test_the_tasks_own_entities_pass_through() -> None:
    image = tv_tensors.Image(torch.randint(0, 256, (3, 80, 80), dtype=torch.uint8))
    info = ImageInfo(height=80, width=80)
    boxes = tv_tensors.BoundingBoxes([[10.0, 10, 40, 40], [50, 50, 70, 75]], format="XYXY", canvas_size=(80, 80))
    detection = DetDataEntity(image=image, img_info=info, bboxes=boxes, labels=torch.tensor([4, 7]))
    steps = [{"name": "Mosaic"}, {"name": "RandomZoom"}, {"name": "RandomIoUCrop"}, {"name": "RandomColorTwist"}]
    transform = build_transform(steps, SPEC)
    for seed in range(20):
        torch.manual_seed(seed)
        result = transform(detection, lambda count: [detection] * count)
        assert len(result.labels) == len(result.bboxes)
        assert set(result.labels.tolist()) <= {4, 7}
    classified = build_transform([{"name": "TrivialAugmentWide"}], SPEC)(
        MultiClassClsDataEntity(image=image, img_info=info, label=torch.tensor(2))
    )
    assert int(classified.label) == 2
