"""Keypoints move with the pixels, and those that leave the picture are no longer labelled."""

from __future__ import annotations

import json

import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity, KeypointDataEntity
from otx.transforms.fields import no_draw
from otx.transforms.fit import FitToInput
from otx.transforms.pipeline import build_transform
from otx.transforms.steps import make_step

PLACES = [(10, 10), (60, 12), (30, 45), (90, 30)]
SPEC = InputSpec(height=60, width=100)
LABELS = LabelInfo(("thing",), keypoints=Skeleton(("a", "left b", "right b", "c")))


@pytest.fixture
def sample() -> KeypointDataEntity:
    """A dark image with a bright spot at each keypoint; the second and the third are each other's mirror image."""
    image = torch.full((3, 60, 100), 20, dtype=torch.uint8)
    for index, (x, y) in enumerate(PLACES):
        image[:, y - 2 : y + 2, x - 2 : x + 2] = 120 + 40 * index if index in (0, 3) else 200
    return KeypointDataEntity(
        image=tv_tensors.Image(image),
        img_info=ImageInfo(height=60, width=100, path="made.png"),
        bboxes=tv_tensors.BoundingBoxes([[5.0, 5, 95, 50]], format="XYXY", canvas_size=(60, 100)),
        labels=torch.tensor([0]),
        keypoints=tv_tensors.KeyPoints(torch.tensor([PLACES]).float(), canvas_size=(60, 100)),
        visible=torch.full((1, 4), 2),
        areas=torch.tensor([2000.0]),
        flip_order=(0, 2, 1, 3),
    )


def assert_on_spots(sample: KeypointDataEntity) -> None:
    """Around each labelled keypoint the image is bright, and its canvas is the image."""
    assert sample.keypoints.canvas_size == tuple(sample.image.shape[-2:])
    for (x, y), visible in zip(sample.keypoints[0].tolist(), sample.visible[0].tolist(), strict=True):
        if visible and 2 < x < sample.image.shape[2] - 2 and 2 < y < sample.image.shape[1] - 2:
            assert sample.image[0, int(y - 0.5), int(x - 0.5)] > 80


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize("size", [(64, 96), (96, 64)])
def test_fit_moves_keypoints_with_the_pixels(sample, mode, size) -> None:
    fitted = FitToInput(InputSpec(height=size[0], width=size[1], resize=mode))(sample)
    assert_on_spots(fitted)
    outside = (fitted.keypoints[..., 0] < 0) | (fitted.keypoints[..., 0] > size[1])
    assert torch.equal(fitted.visible == 0, outside.as_subclass(torch.Tensor))
    assert bool(outside.any()) == (mode is ResizeMode.CENTER_CROP and size[0] > size[1])
    batch = KeypointBatchDataEntity.collate([fitted])
    (record,) = batch.truth_records(LABELS)
    shown = [point for point in record["objects"][0]["keypoints"] if point[2]]
    assert all(min(abs(x - a) + abs(y - b) for a, b in PLACES) < 0.1 for x, y, _ in shown)
    json.dumps(record)


@pytest.mark.parametrize(
    "step",
    [
        {"name": "RandomZoom", "scale": [0.5, 3.0]},
        {"name": "RandomAffine", "degrees": 30, "translate": [0.2, 0.2], "scale": [0.8, 1.5]},
        {"name": "RandomCrop", "size": [40, 60]},
        {"name": "RandomPerspective", "p": 1.0},
        {"name": "RandomHorizontalFlip", "p": 1.0},
        {"name": "RandomVerticalFlip", "p": 1.0},
    ],
    ids=lambda step: step["name"],
)
def test_steps_move_keypoints_with_the_pixels(sample, step) -> None:
    made = make_step(step, SPEC)
    left = 0
    for seed in range(10):
        torch.manual_seed(seed)
        moved = made(sample, no_draw)
        if not len(moved.labels):
            continue
        assert_on_spots(moved)
        left += int((moved.visible == 0).sum())
    assert (left > 0) == (step["name"] in {"RandomZoom", "RandomAffine", "RandomCrop"})


@pytest.mark.parametrize("name", ["RandomHorizontalFlip", "RandomVerticalFlip"])
def test_a_mirror_swaps_left_and_right(sample, name) -> None:
    flipped = make_step({"name": name, "p": 1.0}, SPEC)(sample, no_draw)
    width, height = 100, 60
    mirrored = [(width - x, y) if name == "RandomHorizontalFlip" else (x, height - y) for x, y in PLACES]
    assert [tuple(point) for point in flipped.keypoints[0].tolist()] == [mirrored[i] for i in (0, 2, 1, 3)]
    same = make_step({"name": name, "p": 0.0}, SPEC)(sample, no_draw)
    assert same.keypoints.tolist() == sample.keypoints.tolist()


def test_mosaic_hides_what_its_tile_does_not_show(sample) -> None:
    mosaic = build_transform([{"name": "Mosaic", "p": 1.0, "scale": [1.5, 2.0], "min_visible": 0.1}], SPEC)
    for seed in range(10):
        torch.manual_seed(seed)
        joined = mosaic(sample, lambda count: [sample] * count)
        assert len(joined.labels) == len(joined.keypoints) == len(joined.visible)
        for points, visible in zip(joined.keypoints.tolist(), joined.visible.tolist(), strict=True):
            spots = [
                joined.image[0, min(int(y), 59), min(int(x), 99)]
                for (x, y), v in zip(points, visible, strict=True)
                if v
            ]
            assert sum(spot > 60 for spot in spots) >= len(spots) - 1  # one may lie on the very border of its tile


def test_wrong_shapes_are_refused(sample) -> None:
    with pytest.raises(ValueError, match=r"made\.png"):
        KeypointDataEntity(
            sample.image,
            sample.img_info,
            sample.bboxes,
            sample.labels,
            sample.keypoints,
            sample.visible,
            sample.areas,
            (0, 1),
        )


def test_records_leave_out_weak_objects(labels, make_prediction) -> None:
    boxes = [[0.0, 0, 10, 10], [20.0, 0, 30, 10]]
    batch = make_prediction(boxes, [[[1.0, 2.0, 2.0]] * 3] * 2, [0, 1], [0.9, 0.2])
    (record,) = batch.records(labels, 0.5)
    assert record["objects"] == [
        {"label": "cat", "bbox": [0, 0, 10, 10], "keypoints": [[1, 2, 1]] * 3, "score": pytest.approx(0.9, abs=1e-4)}
    ]
    assert len(batch.records(labels, 0.0)[0]["objects"]) == 2
