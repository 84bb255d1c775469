"""A sample whose image was decoded smaller is the sample, resized."""

from __future__ import annotations

import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.tasks.instance_segmentation.entity import InstanceSegDataEntity
from otx.transforms.geometry import with_smaller_image


def test_boxes_and_masks_follow_a_smaller_image() -> None:
    masks = torch.zeros(2, 80, 120, dtype=torch.bool)
    masks[0, 20:40, 40:80] = masks[1, 60:80, 0:20] = True
    boxes = torch.tensor([[40.0, 20.0, 80.0, 40.0], [0.0, 60.0, 20.0, 80.0]])
    sample = InstanceSegDataEntity(
        image=tv_tensors.Image(torch.zeros(3, 80, 120, dtype=torch.uint8)),
        img_info=ImageInfo(height=80, width=120),
        bboxes=tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(80, 120)),
        labels=torch.tensor([0, 1]),
        masks=tv_tensors.Mask(masks),
        rles=[{}, {}],
    )
    image = tv_tensors.Image(torch.full((3, 20, 30), 7, dtype=torch.uint8))
    smaller = with_smaller_image(sample, image)
    assert smaller.image is image
    assert torch.equal(smaller.bboxes, boxes / 4)
    assert smaller.bboxes.canvas_size == (20, 30)
    assert torch.equal(smaller.masks.as_subclass(torch.Tensor), masks[:, 2::4, 2::4])
    assert (smaller.img_info.height, smaller.img_info.width, smaller.img_info.scale) == (80, 120, (0.25, 0.25))
    assert smaller.rles == sample.rles  # of the original, as the metric takes them
