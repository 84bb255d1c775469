"""Steps of MMDetection on our samples: boxes stay on what they are around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.refs import resolve
from otx.data.seeding import seeded
from otx.frameworks import catalog
from otx.tasks.detection.entity import DetDataEntity
from otx.tasks.instance_segmentation.entity import InstanceSegDataEntity
from otx.tasks.semantic_segmentation.entity import SegDataEntity

pytest.importorskip("mmdet", reason="pip install 'otx[mmdet]'")

from otx.frameworks.mmdet.augmentation import OFFER, build_augmentation

SPEC = InputSpec(height=64, width=96)
COLOURS = ((250, 10, 10), (10, 250, 10))
BOXES = ((10, 10, 40, 30), (60, 35, 90, 55))
IDENTITY = [{"name": "RandomFlip", "prob": 0.0}]
MASKED = {"CopyPaste"}
NO_MASKS = {"MixUp", "Mosaic", "RandomAffine", "MinIoURandomCrop", "RandomShift"}
NEEDED: dict[str, dict[str, Any]] = {
    "CopyPaste": {"selected": True},
    "CutOut": {"n_holes": 2, "cutout_shape": [5, 5]},
    "FixShapeResize": {"width": 96, "height": 64},
    "MixUp": {"img_scale": "input"},
    "Mosaic": {"img_scale": "input"},
    "Pad": {"size": "input"},
    "RandomApply": {"transforms": [{"type": "YOLOXHSVRandomAug"}]},
    "RandomChoice": {"transforms": [[{"type": "RandomFlip", "prob": 1.0}], [{"type": "Resize", "scale": "input"}]]},
    "RandomChoiceResize": {"scales": [[50, 50], [90, 60]]},
    "RandomCrop": {"crop_size": "input"},
    "RandomErasing": {"n_patches": 2, "ratio": [0.05, 0.1]},
    "RandomFlip": {"prob": 0.5, "direction": ["horizontal", "vertical"]},
    "RandomResize": {"scale": "input", "ratio_range": [0.5, 2.0], "keep_ratio": True},
    "Resize": {"scale": "input"},
    "ResizeShortestEdge": {"scale": 50, "max_size": 100},
}
NEEDED["CopyPaste"] = {}


def sample(
    boxes: tuple[tuple[int, ...], ...] = BOXES, *, height: int = 60, width: int = 100, first: int = 0
) -> DetDataEntity:
    """A dark image with a coloured rectangle in each box; the label says its colour."""
    image = torch.full((3, height, width), 20, dtype=torch.uint8)
    for (left, top, right, bottom), colour in zip(boxes, COLOURS, strict=False):
        image[:, top:bottom, left:right] = torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1)
    return DetDataEntity(
        image=tv_tensors.Image(image),
        img_info=ImageInfo(height=height, width=width, path="made.png"),
        bboxes=tv_tensors.BoundingBoxes(
            torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), format="XYXY", canvas_size=(height, width)
        ),
        labels=torch.arange(len(boxes)) + first,
    )


def with_masks(boxes: tuple[tuple[int, ...], ...] = BOXES) -> InstanceSegDataEntity:
    plain = sample(boxes)
    masks = torch.zeros((len(boxes), 60, 100), dtype=torch.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = 1
    rles: list[Any] = [{"number": number} for number in range(len(boxes))]
    return InstanceSegDataEntity(plain.image, plain.img_info, plain.bboxes, plain.labels, tv_tensors.Mask(masks), rles)


def others(count: int) -> list[DetDataEntity]:
    return [sample()] * count


def colour_inside(result: DetDataEntity, box: Tensor) -> Tensor:
    left, top, right, bottom = box.round().long().tolist()
    return result.image[:, top : max(bottom, top + 1), left : max(right, left + 1)].float().mean(dim=(1, 2))


def test_nothing_done_changes_nothing() -> None:
    before = sample(height=64, width=96)
    after = build_augmentation(IDENTITY, SPEC)(before)
    assert torch.equal(after.image, before.image)
    assert after.image.dtype == torch.uint8
    assert torch.equal(after.bboxes, before.bboxes)
    assert after.bboxes.canvas_size == (64, 96)
    assert torch.equal(after.labels, before.labels)
    assert after.img_info == before.img_info
    assert type(after.image) is tv_tensors.Image


def test_masks_and_what_belongs_to_objects_come_along() -> None:
    before = with_masks()
    after = build_augmentation(IDENTITY, InputSpec(height=60, width=100))(before)
    assert torch.equal(after.masks, before.masks)
    assert after.rles == before.rles
    # Only the second object is in the right half.
    crop = build_augmentation(
        [{"name": "RandomCrop", "crop_size": [30, 60]}, {"name": "RandomFlip", "prob": 1.0}], SPEC
    )
    seen = 0
    for seed in range(12):
        with seeded(seed):
            after = crop(with_masks())
        for box, label, mask, rle in zip(after.bboxes, after.labels, after.masks, after.rles, strict=True):
            assert rle == {"number": int(label)}
            assert after.image[int(label)][mask.bool()].float().mean() > 150
            assert colour_inside(after, box).argmax() == label
            seen += 1
    assert seen


def test_class_masks_come_along() -> None:
    plain = sample()
    mask = tv_tensors.Mask((plain.image[0] > 100).to(torch.uint8))
    flip = build_augmentation([{"name": "RandomFlip", "prob": 1.0}], InputSpec(height=60, width=100))
    after = flip(SegDataEntity(plain.image, plain.img_info, mask))
    assert torch.equal(after.mask, mask.flip(-1))
    assert torch.equal(after.image, plain.image.flip(-1))


@pytest.mark.parametrize("name", sorted(set(OFFER.steps) - MASKED))
def test_every_step_on_offer_works(name: str) -> None:
    transform = build_augmentation([{"name": name, **NEEDED.get(name, {})}], SPEC)
    for seed in range(3):
        for before in (sample(), sample(())):
            with seeded(seed):
                result = transform(before, others)
            assert result.image.shape == (3, *SPEC.size)
            assert result.image.dtype == torch.uint8
            assert len(result.bboxes) == len(result.labels)


@pytest.mark.parametrize(
    "name",
    ["Expand", "MinIoURandomCrop", "Mosaic", "RandomAffine", "RandomCrop", "RandomFlip", "RandomResize", "RandomShift",
     "Resize", "TranslateX"],
)  # fmt: skip
def test_boxes_stay_on_their_objects(name: str) -> None:
    """Inside a box that is left of an object is its colour, and the label is still that of the colour."""
    transform = build_augmentation([{"name": name, **NEEDED.get(name, {})}], SPEC)
    found = 0
    for seed in range(12):
        with seeded(seed):
            result = transform(sample(), others)
        for box, label in zip(result.bboxes, result.labels.tolist(), strict=True):
            if (box[2:] - box[:2]).min() < 6:
                continue
            found += 1
            inner = torch.cat([box[:2] + 2, box[2:] - 2])
            colour = colour_inside(result, inner)
            assert colour[label] > 150, (seed, box, colour)
            assert colour[label] > 2 * colour[1 - label]
    assert found > 6


def test_a_step_that_is_asked_again_starts_anew() -> None:
    """A crop moves the boxes before it finds that it shows none of them."""
    crop = {"name": "RandomCrop", "crop_size": [24, 16], "allow_negative_crop": False}
    transform = build_augmentation([crop, {"name": "RandomFlip", "prob": 0.5}], InputSpec(height=16, width=24))
    for seed in range(12):
        with seeded(seed):
            result = transform(sample(), others)
        assert len(result.bboxes)
        for box, label in zip(result.bboxes, result.labels, strict=True):
            assert colour_inside(result, box).argmax() == label


def test_a_sample_depends_on_its_seed_alone() -> None:
    transform = build_augmentation(
        [{"name": "Mosaic", "img_scale": "input"}, {"name": "YOLOXHSVRandomAug"}, {"name": "RandomFlip", "prob": 0.5}],
        SPEC,
    )

    def made(seed: int) -> Any:
        with seeded(seed):
            return transform(sample(), others)

    first, other, again = made(1), made(2), made(1)
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.bboxes, again.bboxes)
    assert not torch.equal(first.image, other.image)


def test_pairs_of_images_keep_their_own_labels() -> None:
    transform = build_augmentation([{"name": "MixUp", "img_scale": "input", "ratio_range": [1.0, 1.0]}], SPEC)
    labels: set[int] = set()
    for seed in range(8):
        with seeded(seed):
            labels |= set(transform(sample(), lambda count: [sample(first=10)] * count).labels.tolist())
    assert labels & {0, 1}
    assert labels & {10, 11}


def test_a_recipe_names_the_framework() -> None:
    assert resolve(catalog().augmentation("mmdet")) is build_augmentation
    assert resolve(catalog().augmentation("torchvision"))([{"name": "RandomHorizontalFlip"}], SPEC).steps
    with pytest.raises(UserError, match=r"no augmentation of 'mmdett'\. Did you mean 'mmdet'"):
        catalog().augmentation("mmdett")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"name": "RandomFlop"}, "unknown step 'RandomFlop' of mmdet. Did you mean 'RandomFlip'"),
        ({"prob": 0.5}, "unknown step None of mmdet"),
        ({"name": "os.system"}, "unknown step 'os.system' of mmdet"),
        ({"name": "RandomApply", "transforms": [{"type": "InstaBoost"}]}, "unknown step 'InstaBoost'"),
        ({"name": "Normalize"}, "remove the step 'Normalize'"),
        ({"name": "CachedMosaic"}, "write 'Mosaic': a cache would make"),
        ({"name": "Resize", "size": [3, 3]}, r"step 'Resize' of mmdet does not take \{'size': \(3, 3\)\}"),
        ({"name": "Mosaic", "img_scale": "input", "prob": 2.0}, "step 'Mosaic' of mmdet does not take"),
    ],
)
def test_what_is_wrong_is_told(step: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_augmentation([step], SPEC)


def test_a_step_that_fails_names_the_image() -> None:
    with pytest.raises(UserError, match=r"step 'CopyPaste' of mmdet failed on made\.png: .*masks"):
        build_augmentation([{"name": "CopyPaste"}], SPEC)(sample(), others)
    with pytest.raises(UserError, match=r"step 'Mosaic' of mmdet failed on made\.png: it changes boxes without"):
        build_augmentation([{"name": "Mosaic", "img_scale": "input"}], SPEC)(
            with_masks(), lambda count: [with_masks()] * count
        )


def test_keypoints_are_refused(keypoint_sample: Callable[[], Any]) -> None:
    with pytest.raises(UserError, match="steps of mmdet do not move 'keypoints'"):
        build_augmentation(IDENTITY, SPEC)(keypoint_sample())


@pytest.fixture
def keypoint_sample() -> Callable[[], Any]:
    from otx.tasks.keypoint_detection.entity import KeypointDataEntity

    def make() -> KeypointDataEntity:
        plain = sample()
        points = tv_tensors.KeyPoints(torch.zeros(2, 1, 2), canvas_size=(60, 100))
        return KeypointDataEntity(
            plain.image,
            plain.img_info,
            plain.bboxes,
            plain.labels,
            points,
            torch.ones(2, 1, dtype=torch.bool),
            torch.ones(2),
            [0],
        )

    return make
