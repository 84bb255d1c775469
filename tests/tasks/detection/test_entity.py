"""Detection samples, batches and records."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity, DetDataEntity

LABELS = LabelInfo(("cat", "dog"))
INFO = ImageInfo(path="a.jpg", height=50, width=100, scale=(2.0, 2.0), offset=(0.0, 14.0))


def boxes(*rows: tuple[float, ...]) -> tv_tensors.BoundingBoxes:
    data = torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
    return tv_tensors.BoundingBoxes(data, format="XYXY", canvas_size=(128, 200))


def sample(*rows: tuple[float, ...]) -> DetDataEntity:
    image = tv_tensors.Image(torch.zeros(3, 128, 200, dtype=torch.uint8))
    return DetDataEntity(image, INFO, boxes(*rows), torch.ones(len(rows), dtype=torch.int64))


def test_a_batch_holds_images_with_and_without_boxes() -> None:
    batch = DetBatchDataEntity.collate([sample((0, 14, 20, 34)), sample()])
    assert batch.batch_size == 2
    assert batch.images.shape == (2, 3, 128, 200)
    assert type(batch.images) is torch.Tensor
    assert [len(one) for one in batch.bboxes] == [1, 0]
    moved = batch.to("cpu")
    assert isinstance(moved.bboxes[0], tv_tensors.BoundingBoxes)


def test_truth_records_are_in_pixels_of_the_original_image() -> None:
    records = DetBatchDataEntity.collate([sample((0, 14, 20, 34)), sample()]).truth_records(LABELS)
    assert records[0] == {
        "image": "a.jpg", "width": 100, "height": 50, "objects": [{"label": "dog", "bbox": [0.0, 0.0, 10.0, 10.0]}],
    }  # fmt: skip
    assert records[1]["objects"] == []


def test_records_of_predictions_respect_the_threshold_and_keep_the_frame() -> None:
    prediction = DetBatchPredEntity(
        images=torch.zeros(1, 3, 128, 200),
        imgs_info=[INFO],
        bboxes=[boxes((0, 0, 10, 10), (5, 5, 20, 20))],
        labels=[torch.tensor([1, 0])],
        scores=[torch.tensor([0.75, 0.25])],
    )
    assert [len(prediction.records(LABELS, threshold)[0]["objects"]) for threshold in (0, 0.25, 0.5, 1)] == [2, 2, 1, 0]
    assert prediction.records(LABELS, 0.5)[0]["objects"] == [
        {"label": "dog", "bbox": [0.0, 0.0, 10.0, 10.0], "score": 0.75}
    ]


@pytest.mark.parametrize(("rows", "labels"), [(torch.zeros(2, 4), 1), (torch.zeros(4), 4), (torch.zeros(1, 5), 1)])
def test_boxes_and_labels_that_do_not_fit_are_refused(rows: torch.Tensor, labels: int) -> None:
    image = tv_tensors.Image(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match=r"expected boxes \(N, 4\) and labels \(N,\), got .* for a.jpg"):
        DetDataEntity(image, INFO, rows, torch.zeros(labels))  # type: ignore[arg-type]
