"""Raw outputs become masks of the original image; entities check, list and draw what they hold."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from otx.core.drawing import MOST_NAMED
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.label_info import LabelInfo
from otx.core.masks import from_json, from_pixels, overlaps, to_pixels
from otx.tasks.instance_segmentation.decode import decode
from otx.tasks.instance_segmentation.draw import draw
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity, InstanceSegDataEntity
from otx.transforms.fit import FitToInput

LABELS = LabelInfo(("cat", "dog"))
INFO = ImageInfo(path="a.jpg", height=100, width=200, scale=(0.5, 0.5), offset=(0.0, 10.0))
IMAGE = torch.zeros(1, 3, 70, 100, dtype=torch.uint8)


def raw(*rows: tuple[list[float], int]) -> dict[str, torch.Tensor]:
    masks = torch.zeros(1, len(rows), 28, 28)
    masks[..., :14] = 0.9  # the left half of each box
    return {
        "boxes": torch.tensor([[row for row, _ in rows]]),
        "labels": torch.tensor([[label for _, label in rows]]),
        "masks": masks,
    }


def test_masks_are_spread_over_boxes_in_pixels_of_the_original() -> None:
    outputs = raw(([0, 0, 0, 0, 0.0], 0), ([10, 20, 30, 40, 0.6], 1), ([50, 30, 60, 60, 0.8], 0))
    found = decode(outputs, IMAGE, [INFO], max_detections=5)
    assert found.scores[0].tolist() == pytest.approx([0.8, 0.6])
    assert found.labels[0].tolist() == [0, 1]
    assert found.bboxes[0].tolist() == [[100, 40, 120, 100], [20, 20, 60, 60]]
    expected = np.zeros((100, 200))
    expected[20:60, 20:40] = 1
    assert overlaps(found.rles[0][1:], [from_pixels(expected)])[0, 0] > 0.94
    assert len(decode(outputs, IMAGE, [INFO], max_detections=1).rles[0]) == 1


def test_a_box_that_reaches_into_the_padding_keeps_its_cells_in_place() -> None:
    (rle,) = decode(raw(([-20, 0, 20, 20, 0.9], 0)), IMAGE, [INFO], max_detections=5).rles[0]
    assert to_pixels([rle], (100, 200))[0, :, 1:].sum() == 0  # the left half lies outside


def test_records_hold_run_lengths_and_the_best_only() -> None:
    found = decode(raw(([10, 20, 30, 40, 0.6], 1), ([50, 30, 60, 60, 0.8], 0)), IMAGE, [INFO], max_detections=5)
    (record,) = json.loads(json.dumps(found.records(LABELS, 0.7)))
    assert [entry["label"] for entry in record["objects"]] == ["cat"]
    assert from_json(record["objects"][0]["mask"]) == found.rles[0][0]
    assert record["objects"][0]["score"] == 0.8
    assert len(found.records(LABELS, 0.0)[0]["objects"]) == 2


def sample() -> InstanceSegDataEntity:
    pixels = torch.zeros(1, 40, 80, dtype=torch.uint8)
    pixels[0, 10:30, 20:60] = 1
    return InstanceSegDataEntity(
        image=tv_tensors.Image(torch.zeros(3, 40, 80, dtype=torch.uint8)),
        img_info=ImageInfo(path="b.jpg", height=40, width=80),
        bboxes=tv_tensors.BoundingBoxes(torch.tensor([[20.0, 10, 60, 30]]), format="XYXY", canvas_size=(40, 80)),
        labels=torch.tensor([1]),
        masks=tv_tensors.Mask(pixels),
        rles=[from_pixels(pixels[0].numpy())],
    )


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_truth_comes_back_to_the_original(mode: ResizeMode) -> None:
    fitted = FitToInput(InputSpec(height=64, width=64, resize=mode))(sample())
    (record,) = InstanceSegBatchDataEntity.collate([fitted]).truth_records(LABELS)
    rle = from_json(record["objects"][0]["mask"])
    assert record["objects"][0]["label"] == "dog"
    assert overlaps([rle], sample().rles)[0, 0] == pytest.approx(1.0, abs=0.0 if mode != ResizeMode.STRETCH else 0.05)


def test_a_sample_must_fit_together() -> None:
    good = sample()
    with pytest.raises(ValueError, match=r"\[1, 1, 1, 0\] of them for b.jpg"):
        InstanceSegDataEntity(good.image, good.img_info, good.bboxes, good.labels, good.masks, [])


def test_objects_are_tinted_and_named_unless_there_is_a_crowd() -> None:
    (record,) = InstanceSegBatchDataEntity.collate([sample()]).truth_records(LABELS)
    image = Image.new("RGB", (80, 40), "white")
    alone = np.asarray(draw(image, record, LABELS))
    height, width = alone.shape[:2]
    assert tuple(alone[height // 2, width // 2]) != (255, 255, 255)
    assert tuple(alone[-1, -1]) == (255, 255, 255)
    crowd = np.asarray(draw(image, record | {"objects": record["objects"] * (MOST_NAMED + 1)}, LABELS))
    assert (crowd[:90] == 255).all()
    assert not (alone[:90] == 255).all()  # the plate with the name
