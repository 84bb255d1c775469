"""Models that look at single objects get each cut out, and its coordinates find their way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from otx.core.frames import to_original
from otx.core.input_spec import InputSpec, ResizeMode
from otx.data.dataset import OTXDataset
from otx.data.index import DataIndex
from otx.data.item import Item
from otx.data.objects import object_index
from otx.data.problems import Problems
from otx.tasks.keypoint_detection.reader import KeypointAnnotation, KeypointReader
from otx.transforms.fit import FitToInput

WHOLE = InputSpec(height=64, width=48, resize=ResizeMode.LETTERBOX)
SINGLE = InputSpec(height=64, width=48, resize=ResizeMode.LETTERBOX, object_margin=1.5)
BOXES = [[20, 30, 40, 60], [0, 0, 10, 10], [70, 40, 100, 80]]
POINTS = [[[22, 35, 2], [39, 58, 1]], [[0, 0, 0], [0, 0, 0]], [[72, 42, 2], [99, 79, 2]]]


@pytest.fixture
def index(tmp_path: Path) -> DataIndex:
    """One image of 100 x 80 with three objects, the second without a labelled keypoint."""
    pixels = np.full((80, 100, 3), 20, np.uint8)
    for x, y, visible in np.array(POINTS).reshape(-1, 3):
        pixels[y - 1 : y + 1, x - 1 : x + 1] = 255 if visible else 20
    Image.fromarray(pixels).save(tmp_path / "a.png")
    annotation = KeypointAnnotation(
        np.array(BOXES, np.float32), np.array([0, 0, 0]), np.array(POINTS, np.float32), np.ones(3, np.float32), (0, 1)
    )
    item = Item(tmp_path / "a.png", 80, 100, annotation)
    return DataIndex(
        labels=KeypointReader,  # type: ignore[arg-type]  # not looked at
        subsets={"train": (item,), "val": (), "test": ()},
        class_counts={},
        problems=Problems(),
        split_origin="",
    )


def test_whole_images_stay_as_they_are(index) -> None:
    assert object_index(index, KeypointReader(), WHOLE) is index


def test_each_object_with_a_keypoint_is_a_sample(index) -> None:
    items = object_index(index, KeypointReader(), SINGLE).subsets["train"]
    assert [item.region for item in items] == [(15, 22, 46, 68), (62, 30, 100, 80)]
    data = OTXDataset(items, KeypointReader(), FitToInput(SINGLE), 0)
    for position, number in enumerate((0, 2)):
        sample = data[0, position]
        assert sample.image.shape == (3, 64, 48)
        assert len(sample.labels) == 1
        assert sample.visible.tolist() == [[point[2] for point in POINTS[number]]]
        assert to_original(sample.keypoints, sample.img_info).round().tolist() == [[p[:2] for p in POINTS[number]]]
        assert to_original(sample.bboxes, sample.img_info).round().tolist() == [BOXES[number]]
        x, y = (int(value) for value in sample.keypoints[0, 0])
        assert sample.image[0, y, x] > 100
        whole = to_original(sample.bboxes.new_tensor([[0, 0, 48, 64]]), sample.img_info)
        assert whole.round().int().tolist() == [list(items[position].region)]
