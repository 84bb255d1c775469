"""What a detector teaches about an image without boxes."""

from __future__ import annotations

import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.tasks.detection.entity import DetBatchPredEntity
from otx.tasks.detection.pseudo_labels import pseudo_labels


def boxes(*rows: list[float]) -> tv_tensors.BoundingBoxes:
    return tv_tensors.BoundingBoxes(torch.tensor(rows).reshape(-1, 4), format="XYXY", canvas_size=(32, 32))


def test_sure_boxes_with_an_area_are_kept_and_images_without_any_left_out() -> None:
    prediction = DetBatchPredEntity(
        images=torch.arange(3).float().view(3, 1, 1, 1).expand(3, 3, 32, 32),
        imgs_info=[ImageInfo(index=index, height=32, width=32) for index in range(3)],
        bboxes=[boxes([0, 0, 9, 9]), boxes([1, 1, 8, 8], [2, 2, 2.5, 9], [0, 0, 5, 5]), boxes()],
        labels=[torch.tensor([0]), torch.tensor([2, 1, 0]), torch.tensor([], dtype=torch.int64)],
        scores=[torch.tensor([0.4]), torch.tensor([0.9, 0.8, 0.3]), torch.tensor([])],
    )
    taught = pseudo_labels(prediction, 0.5)
    assert [info.index for info in taught.imgs_info] == [1]
    assert torch.equal(taught.images, prediction.images[[1]])
    assert isinstance(taught.bboxes[0], tv_tensors.BoundingBoxes)
    assert (taught.bboxes[0].tolist(), taught.labels[0].tolist()) == ([[1, 1, 8, 8]], [2])
    assert pseudo_labels(prediction, 0.95).batch_size == 0
