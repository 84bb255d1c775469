"""Mask R-CNN beyond what the conformance kit asks of every model."""

from __future__ import annotations

import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity


def test_a_network_that_has_diverged_does_not_end_the_process() -> None:
    row = next(row for row in catalog() if row.name == "torchvision/maskrcnn_resnet18_slim")
    model = build_model(row, LabelInfo(("cat", "dog")), row.input_spec.with_size(64, 64), pretrained=False)[0].eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
        raw = model.export_graph()(torch.zeros(1, 3, 64, 64))
    assert not raw["boxes"][..., 4].gt(0).any()


def test_a_thin_box_far_from_the_corner_has_the_same_loss_in_bfloat16() -> None:
    """In BF16, 299.2 and 300.8 are one number: the box would have no width, and the loss would be none."""
    row = next(row for row in catalog() if row.name == "torchvision/maskrcnn_resnet18_slim")
    size = (64, 320)
    torch.manual_seed(0)
    model = build_model(row, LabelInfo(("cat", "dog")), row.input_spec.with_size(*size), pretrained=False)[0].train()
    masks = torch.zeros(1, *size, dtype=torch.uint8)
    masks[0, 10:50, 299:301] = 1
    batch = InstanceSegBatchDataEntity(
        images=torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8),
        imgs_info=[ImageInfo(height=size[0], width=size[1])],
        bboxes=[tv_tensors.BoundingBoxes([[299.2, 10.0, 300.8, 50.0]], format="XYXY", canvas_size=size)],
        labels=[torch.tensor([1])],
        masks=[tv_tensors.Mask(masks)],
        rles=[[]],
    )
    losses = []
    for enabled in (False, True):
        torch.manual_seed(0)  # both stages draw samples
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            losses.append(model(batch).losses)
    for name, loss in losses[0].items():
        torch.testing.assert_close(losses[1][name], loss, rtol=0.05, atol=0.01, check_dtype=False)
