"""Raw outputs become objects in the frame of the original images; peaks of heat maps lie between cells."""

from __future__ import annotations

import openvino as ov
import pytest
import torch
from torch import nn

from otx.core.image_info import ImageInfo
from otx.tasks.keypoint_detection.decode import decode, peaks

ROWS = [[0.0, 14, 20, 34, 0.3], [10, 20, 30, 40, 0.9], [1, 1, 2, 2, 0.0]]


def run(info: ImageInfo, most: int = 100):
    raw = {
        "boxes": torch.tensor([ROWS]),
        "labels": torch.tensor([[0, 1, 0]]),
        "keypoints": torch.tensor([[[[10.0, 24, 0.5]], [[20.0, 500, 0.7]], [[0.0, 0, 0]]]]),
    }
    return decode(raw, torch.zeros(1, 3, 128, 200), [info], max_detections=most)


def test_objects_are_mapped_back_and_sorted_by_score() -> None:
    found = run(ImageInfo(height=50, width=100, scale=(2.0, 2.0), offset=(0.0, 14.0)))
    assert found.scores[0].tolist() == pytest.approx([0.9, 0.3])
    assert found.labels[0].tolist() == [1, 0]
    assert found.bboxes[0].tolist() == [[5, 3, 15, 13], [0, 0, 10, 10]]
    assert found.keypoints[0].tolist() == [[[10, 50]], [[5, 5]]]
    assert found.keypoint_scores[0].flatten().tolist() == pytest.approx([0.7, 0.5])
    assert found.keypoints[0].canvas_size == (50, 100)


def test_the_most_objects_and_the_part_of_an_image() -> None:
    info = ImageInfo(height=50, width=100, offset=(-30.0, -20.0), region=(30, 20, 60, 45))
    found = run(info, most=1)
    assert found.bboxes[0].tolist() == [[40, 40, 60, 45]]
    assert found.keypoints[0].tolist() == [[[50, 45]]]


@pytest.mark.parametrize("place", [(10.5, 7.5), (10.9, 7.2), (0.4, 12.9), (19.8, 0.6)])
def test_peaks_lie_between_cells(place) -> None:
    x, y = (torch.arange(length) + 0.5 for length in (20, 14))
    heat = torch.exp(-((x - place[0]) ** 2)[None, :] - ((y - place[1]) ** 2)[:, None])
    heat[3, 3] += 0.2  # elsewhere, and weaker
    (found,) = peaks(heat[None, None] / heat.sum()).flatten(0, 1).tolist()
    assert found[:2] == pytest.approx(place, abs=0.5)
    assert 0.8 < found[2] <= 1


def test_peaks_trace_with_any_number_of_maps() -> None:
    class Graph(nn.Module):
        def forward(self, heat):
            return peaks(heat)

    heat = torch.rand(5, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    model = ov.convert_model(torch.jit.trace(Graph(), heat[:2]), input=[ov.PartialShape([-1, 3, 12, 9])])
    found = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(heat.numpy())[0]
    torch.testing.assert_close(torch.from_numpy(found), peaks(heat), atol=1e-4, rtol=1e-4)


def test_a_map_of_zeros_has_a_finite_peak() -> None:
    assert torch.isfinite(peaks(torch.zeros(1, 1, 4, 4))).all()
