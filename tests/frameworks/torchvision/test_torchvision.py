"""Torchvision's detectors without their own resizing, and its classifiers."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.frameworks.classification import TASKS
from otx.frameworks.torchvision.catalog import ROWS, lookup
from otx.frameworks.torchvision.one_stage import targets
from otx.tasks.detection.entity import DetBatchDataEntity

CLS, DET = OTXTaskType.MULTI_CLASS_CLS, OTXTaskType.DETECTION
LABELS = LabelInfo(("a", "b", "c"))
SIZE = 160


def batch() -> DetBatchDataEntity:
    boxes = torch.tensor([[20.0, 30.0, 90.0, 110.0], [100.0, 10.0, 150.0, 60.0]])
    images = torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return DetBatchDataEntity(
        images=images,
        imgs_info=[ImageInfo(height=SIZE, width=SIZE)] * 2,
        bboxes=[tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(SIZE, SIZE))] * 2,
        labels=[torch.tensor([0, 2])] * 2,
    )


@pytest.mark.parametrize("name", ["fcos_resnet18_slim", "ssdlite320_mobilenet_v3_large"])
def test_losses_and_detections_are_torchvisions_own(name: str) -> None:
    """Its `forward`, made to neither resize nor normalise, gives the same losses and the same detections."""
    row = catalog().get(f"torchvision/{name}", DET)
    torch.manual_seed(0)
    model, _ = build_model(row, LABELS, row.input_spec.with_size(SIZE, SIZE), pretrained=False)
    data, detector = batch(), model.model.detector
    first = 1 if "ssd" in name else 0
    images = list(model.normalize(data.images))
    detector.transform.min_size, detector.transform.max_size = (SIZE,), SIZE
    detector.transform.fixed_size = None
    detector.transform.image_mean, detector.transform.image_std = [0.0] * 3, [1.0] * 3

    model.train()
    truth = targets(data, first)
    theirs = detector(images, truth)
    ours = model(data).losses
    assert ours.keys() == theirs.keys()
    for key, loss in theirs.items():
        torch.testing.assert_close(ours[key], loss, rtol=1e-5, atol=1e-6)

    model.eval()
    detector.score_thresh, detector.nms_thresh = 0.0, model.nms_iou
    detector.topk_candidates, detector.detections_per_img = 1000, 20
    with torch.no_grad():
        theirs, ours = detector(images), model(data)
    for index, found in enumerate(theirs):
        scores = ours.scores[index][:20]
        torch.testing.assert_close(scores, found["scores"], rtol=1e-4, atol=1e-5)
        boxes = ours.bboxes[index].as_subclass(torch.Tensor)[:20]
        # The best box is the same; further down, torchvision's candidates are chosen per level or class.
        torch.testing.assert_close(boxes[0], found["boxes"][0], rtol=1e-3, atol=1e-2)
        assert ours.labels[index][0] == found["labels"][0] - first


@pytest.mark.parametrize("name", ["fcos_resnet18_slim", "retinanet_resnet50_fpn_v2"])
def test_bfloat16_moves_no_anchor(name: str) -> None:
    """Above 256 it has every second number only."""
    row = catalog().get(f"torchvision/{name}", DET)
    model, _ = build_model(row, LABELS, row.input_spec.with_size(32, 320), pretrained=False)
    images = torch.zeros(1, 3, 32, 320)
    with torch.no_grad():
        plain = model.eval().model(images)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model.model(images)
    assert torch.equal(rounded["anchors"], plain["anchors"])
    assert rounded["bbox_regression"].dtype is torch.float32


def test_backbone_weights_fill_the_backbone(fill_hub) -> None:
    row = catalog().get("torchvision/fcos_resnet18", DET)
    timm_row = catalog().get("timm/resnet18", CLS)
    source, _ = build_model(timm_row, LABELS, timm_row.input_spec, pretrained=False)
    fill_hub(row.weights.hub, {key.removeprefix("model."): tensor for key, tensor in source.state_dict().items()})
    model, report = build_model(row, LABELS, row.input_spec, pretrained=True)
    assert report.coverage == 1.0
    assert all(not key.startswith("model.detector.backbone.body") for key in report.fresh)
    assert torch.equal(model.model.detector.backbone.body.conv1.weight, source.model.conv1.weight)


@pytest.mark.parametrize("row", [row for row in ROWS if row.task == CLS], ids=lambda row: row.name)
def test_rows_are_what_torchvision_says(row: ModelRow) -> None:
    assert lookup(row.arch, CLS) == row


@pytest.mark.parametrize("row", [row for row in ROWS if row.weights and row.weights.torchvision], ids=lambda r: r.name)
def test_weights_exist_under_that_name(row: ModelRow) -> None:
    from torchvision import models  # noqa: TID251

    assert models.get_weight(row.weights.torchvision).url


def test_any_torchvision_classifier() -> None:
    for task in TASKS:
        row = catalog().get("torchvision/squeezenet1_0", task)
        assert (row.task, row.weights.torchvision) == (task, "SqueezeNet1_0_Weights.IMAGENET1K_V1")
    with pytest.raises(UserError, match=r"torchvision has no classifier 'resnet19'.*Did you mean"):
        catalog().get("torchvision/resnet19", CLS)
