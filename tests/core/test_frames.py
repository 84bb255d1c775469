"""Coordinates on their way between the original image and the model's input."""

from __future__ import annotations

import pytest
import torch

from otx.core.frames import to_input, to_original
from otx.core.image_info import ImageInfo

INFO = ImageInfo(height=100, width=200, scale=(0.5, 0.25), offset=(10.0, 4.0))


def test_points_and_boxes_go_there_and_back() -> None:
    boxes = torch.tensor([[0.0, 0.0, 200.0, 100.0], [20.0, 40.0, 60.0, 80.0]])
    inputs = to_input(boxes, INFO)
    assert inputs.tolist() == [[10.0, 4.0, 110.0, 29.0], [20.0, 14.0, 40.0, 24.0]]
    torch.testing.assert_close(to_original(inputs, INFO), boxes)


def test_what_leaves_the_image_is_clipped() -> None:
    assert to_original(torch.tensor([[0.0, 0.0, 500.0, 500.0]]), INFO).tolist() == [[0.0, 0.0, 200.0, 100.0]]


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (2, 3, 8)])
def test_any_number_of_rows_and_points(shape: tuple[int, ...]) -> None:
    assert to_original(torch.zeros(shape), INFO).shape == shape
