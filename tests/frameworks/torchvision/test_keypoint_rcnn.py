"""Keypoint R-CNN without torchvision's resizing and lists."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.frameworks.torchvision.two_stage import pool_boxes, suppressed
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity
from otx.tasks.keypoint_detection.model import OTXKeypointModel

LABELS = LabelInfo(("a", "b"), keypoints=Skeleton(("x", "y", "z")))
SIZE = 128


@pytest.fixture(scope="module")
def model() -> OTXKeypointModel:
    row = catalog().get("torchvision/keypointrcnn_resnet18_slim", OTXTaskType.KEYPOINT_DETECTION)
    torch.manual_seed(0)
    model, _ = build_model(row, LABELS, row.input_spec.with_size(SIZE, SIZE), pretrained=False)
    # Heads of random weights find everything equally likely; larger ones make the best boxes clear.
    for layer in (model.model.detector.roi_heads.box_predictor.cls_score, model.model.detector.rpn.head.cls_logits):
        torch.nn.init.normal_(layer.weight, std=0.3)
    transform = model.model.detector.transform
    transform.min_size, transform.max_size = (SIZE,), SIZE
    transform.torch_choice = lambda sizes: sizes[0]  # without a random number
    transform.image_mean, transform.image_std = [0.0] * 3, [1.0] * 3
    return model


@pytest.fixture
def batch() -> KeypointBatchDataEntity:
    boxes = torch.tensor([[20.0, 30.0, 70.0, 80.0], [80.0, 10.0, 120.0, 60.0]])
    points = torch.tensor([[[30.0, 40.0], [50.0, 60.0], [60.0, 70.0]], [[90.0, 20.0], [100.0, 40.0], [110.0, 50.0]]])
    frame = (SIZE, SIZE)
    return KeypointBatchDataEntity(
        images=torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
        imgs_info=[ImageInfo(height=SIZE, width=SIZE)] * 2,
        bboxes=[tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=frame)] * 2,
        labels=[torch.tensor([0, 1])] * 2,
        keypoints=[tv_tensors.KeyPoints(points, canvas_size=frame)] * 2,
        visible=[torch.tensor([[2, 1, 2], [2, 2, 2]])] * 2,
        areas=[torch.tensor([1300.0, 1000.0])] * 2,
    )


def test_losses_are_torchvisions_own(model, batch) -> None:
    model.train()
    inputs = model.customize_inputs(batch)
    torch.manual_seed(1)
    theirs = model.model.detector(list(inputs["images"]), inputs["targets"])
    torch.manual_seed(1)  # both stages draw samples
    ours = model(batch).losses
    assert ours.keys() == theirs.keys()
    for key, loss in theirs.items():
        torch.testing.assert_close(ours[key], loss, rtol=1e-3, atol=1e-4)


def test_channels_may_lie_together_in_memory(model, batch) -> None:
    model.train()
    torch.manual_seed(1)
    plain = model(batch).losses["loss_keypoint"]
    batch.images = batch.images.to(memory_format=torch.channels_last)
    torch.manual_seed(1)
    torch.testing.assert_close(model(batch).losses["loss_keypoint"], plain, rtol=1e-3, atol=1e-4)


def test_keypoints_that_are_not_labelled_have_no_loss(model, batch) -> None:
    model.train()
    batch.visible = [torch.zeros_like(visible) for visible in batch.visible]
    assert model(batch).losses["loss_keypoint"] == 0


class Peaks(nn.Module):
    """Instead of heat maps of random weights, whose peaks are nearly tied: three clear ones in each box."""

    def forward(self, features: Tensor) -> Tensor:
        cells = torch.arange(56) + 0.5
        places = torch.tensor([[10.2, 40.0], [30.0, 31.4], [55.0, 3.3]])
        across, down = ((cells - places[:, axis, None]) ** 2 for axis in (0, 1))
        return (-(across[:, None, :] + down[:, :, None]) / 4).expand(len(features), -1, -1, -1)


def test_objects_are_torchvisions_own(model, batch, monkeypatch) -> None:
    model.eval()
    detector = model.model.detector
    monkeypatch.setitem(detector.roi_heads._modules, "keypoint_predictor", Peaks())
    detector.roi_heads.score_thresh = 0.0
    # As many candidates as ours on each level, and after suppression.
    detector.rpn._pre_nms_top_n = detector.rpn._post_nms_top_n = {"training": 200, "testing": model.proposals}
    with torch.no_grad():
        theirs, ours = detector(list(model.normalize(batch.images))), model(batch)
    for index, found in enumerate(theirs):
        torch.testing.assert_close(ours.scores[index][:3], found["scores"][:3], rtol=1e-4, atol=1e-5)
        boxes, points = (field[index].as_subclass(Tensor)[:3] for field in (ours.bboxes, ours.keypoints))
        torch.testing.assert_close(boxes, found["boxes"][:3], rtol=1e-3, atol=1e-2)
        assert ours.labels[index][:3].tolist() == (found["labels"][:3] - 1).tolist()
        cells = (boxes[:, None, 2:] - boxes[:, None, :2]) / 56
        assert ((points - found["keypoints"][:3, :, :2]).abs() <= cells + 0.6).all()  # theirs are in half pixels


def test_pooling_is_torchvisions_own(model) -> None:
    torch.manual_seed(0)
    pool = model.model.detector.roi_heads.keypoint_roi_pool
    features = {str(level): torch.rand(2, 4, SIZE // 4 >> level, SIZE // 4 >> level) for level in range(4)}
    corner, sides = torch.rand(2, 50, 2) * 60, 1 + torch.rand(2, 50, 2) ** 3 * 60
    boxes = torch.cat([corner, corner + sides], dim=-1)
    frame = (SIZE, SIZE)
    torch.testing.assert_close(pool_boxes(pool, features, boxes, frame), pool(features, list(boxes), [frame] * 2))


def test_suppression_knows_images_and_groups() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1.0, 0, 11, 10], [0.0, 0, 10, 10]]).expand(2, 3, 4)
    scores = torch.tensor([[0.5, 0.9, 0.7], [0.5, 0.4, 0.3]])
    groups = torch.tensor([[0, 0, 1], [0, 0, 0]])
    assert suppressed(boxes, scores, groups, 0.5).tolist() == torch.tensor([[0, 0.9, 0.7], [0.5, 0, 0]]).tolist()


def test_weights_of_coco_fill_everything_but_the_heads() -> None:
    row = catalog().get("torchvision/keypointrcnn_resnet50_fpn", OTXTaskType.KEYPOINT_DETECTION)
    person = LabelInfo(("person",), keypoints=Skeleton(tuple(map(str, range(17)))))
    published, _ = build_model(row, person, row.input_spec, pretrained=False)
    state = {key.removeprefix("model.detector."): value for key, value in published.state_dict().items()}
    model, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
    from otx.core.transfer import transfer

    report = transfer(model, model.convert_pretrained(state, row.weights.part), None, row.weights.part)
    assert report.coverage > 0.99
    assert {key.split("roi_heads.")[1].split(".")[0] for key in report.fresh} == {"box_predictor", "keypoint_predictor"}


def test_an_empty_box_is_no_object() -> None:
    boxes = torch.tensor([[[10.0, 10, 20, 20], [64, 10, 64, 20], [float("nan"), 0, 1, 1]]])
    kept = suppressed(boxes, torch.tensor([[0.5, 0.9, 0.9]]), torch.zeros(1, 3, dtype=torch.long), 0.5)
    assert kept.tolist() == [[0.5, 0.0, 0.0]]
