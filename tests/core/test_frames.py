"""Coordinates on their way between the original image and the model's input."""

from __future__ import annotations

import pytest
import torch

from otx.core.frames import map_to_original, to_input, to_original
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


def test_maps_come_back_without_the_padding() -> None:
    values = torch.zeros(1, 40, 120)
    values[:, 4:29, 10:110] = torch.arange(100.0)
    back = map_to_original(values, INFO, "nearest-exact")
    assert back.shape == (1, 100, 200)
    assert back[0, 0].tolist() == [value for value in range(100) for _ in range(2)]


def test_maps_repeat_their_border_where_the_crop_has_cut() -> None:
    info = ImageInfo(height=10, width=30, offset=(-10.0, 0.0))
    back = map_to_original(torch.arange(10.0).expand(2, 10, 10), info, "bilinear")
    assert back.shape == (2, 10, 30)
    assert back[1, 3].tolist() == [0.0] * 10 + list(map(float, range(10))) + [9.0] * 10
