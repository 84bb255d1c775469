"""Raw outputs become detections in the frame of the original images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from otx.core.image_info import ImageInfo
from otx.tasks.detection.decode import decode, topk_detections
from otx.tasks.detection.entity import DetBatchPredEntity

INFO = ImageInfo(height=50, width=100, scale=(2.0, 2.0), offset=(0.0, 14.0))
ROWS = [
    [0, 14, 20, 34, 0.3],
    [0, 14, 20, 36, 0.9],  # the same place, better
    [100, 50, 140, 90, 0.5],
    [-50, 0, 500, 500, 0.6],
    [1, 1, 2, 2, 0.0],  # filling
]


def run(nms_iou: float | None, labels: list[int], most: int = 100, info: ImageInfo = INFO) -> DetBatchPredEntity:
    raw = {"boxes": torch.tensor([ROWS]), "labels": torch.tensor([labels])}
    return decode(raw, torch.zeros(1, 3, 128, 200), [info], nms_iou=nms_iou, max_detections=most)


def test_boxes_are_mapped_back_clipped_and_sorted_by_score() -> None:
    result = run(None, [0, 0, 1, 1, 0])
    assert result.scores[0].tolist() == pytest.approx([0.9, 0.6, 0.5, 0.3])
    assert result.labels[0].tolist() == [0, 1, 1, 0]
    assert result.bboxes[0].tolist() == [[0, 0, 10, 11], [0, 0, 100, 50], [50, 18, 70, 38], [0, 0, 10, 10]]
    assert result.bboxes[0].canvas_size == (50, 100)


def test_suppression_works_within_a_class_only() -> None:
    assert len(run(0.5, [0, 0, 1, 1, 0]).scores[0]) == 3
    assert len(run(0.5, [1, 0, 1, 1, 0]).scores[0]) == 4


def test_the_best_boxes_are_kept_and_filling_never_is() -> None:
    assert run(0.5, [0, 0, 1, 1, 0], most=1).scores[0].tolist() == pytest.approx([0.9])
    nothing = decode(
        {"boxes": torch.zeros(1, 3, 5), "labels": torch.zeros(1, 3, dtype=torch.int64)},
        torch.zeros(1, 3, 8, 8),
        [INFO],
        nms_iou=0.5,
        max_detections=5,
    )
    assert nothing.bboxes[0].shape == (0, 4)


def test_the_best_pairs_of_anchor_and_class_are_picked() -> None:
    boxes = torch.arange(2 * 3 * 4, dtype=torch.float32).view(2, 3, 4)
    scores = torch.tensor([[[0.1, 0.9], [0.8, 0.2], [0.0, 0.3]], [[0.5, 0.0], [0.0, 0.0], [0.6, 0.7]]])
    raw = topk_detections(boxes, scores, 3)
    assert raw["labels"].tolist() == [[1, 0, 1], [1, 0, 0]]
    assert raw["boxes"][0, :, 4].tolist() == pytest.approx([0.9, 0.8, 0.3])
    assert raw["boxes"][1, :, :4].tolist() == [boxes[1, 2].tolist(), boxes[1, 2].tolist(), boxes[1, 0].tolist()]
    assert topk_detections(boxes, scores, 50)["boxes"].shape == (2, 6, 5)


def test_the_picking_traces_with_a_dynamic_batch_and_runs_in_openvino() -> None:
    ov = pytest.importorskip("openvino")

    class Picking(torch.nn.Module):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            flat = images.flatten(2).transpose(1, 2)
            return topk_detections(flat[..., :4] * 100, flat[..., 4:].sigmoid(), 7)

    graph = Picking().eval()
    traced = torch.jit.trace(graph, torch.rand(2, 5, 6), strict=False)
    model = ov.convert_model(traced, input=[ov.PartialShape([-1, 5, 6])])
    compiled = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    images = torch.rand(3, 5, 6)
    expected, found = graph(images), compiled(images.numpy())
    assert set(compiled.outputs[0].names | compiled.outputs[1].names) >= {"boxes", "labels"}
    torch.testing.assert_close(torch.tensor(found["boxes"]), expected["boxes"])
    assert found["labels"].tolist() == expected["labels"].tolist()
