"""ViTPose: heat maps of single objects, their loss, and the way back from a peak to a place."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torchvision import tv_tensors

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.frameworks.transformers.vitpose import TransformersViTPose, gaussians
from otx.tasks.keypoint_detection.decode import decode
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity

SPEC = InputSpec(height=96, width=64, object_margin=1.25)
TINY = {
    "backbone_config": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "out_indices": [1]},
}
LABELS = LabelInfo(("a",), keypoints=Skeleton(("x", "y")))
PLACES = torch.tensor([[[20.0, 30.0], [41.3, 70.6]]])


@pytest.fixture
def model() -> TransformersViTPose:
    return TransformersViTPose(LABELS, SPEC, "vitpose", TINY)


def batch(points: torch.Tensor, visible: list[list[int]]) -> KeypointBatchDataEntity:
    count = len(points)
    return KeypointBatchDataEntity(
        images=torch.zeros(1, 3, 96, 64, dtype=torch.uint8),
        imgs_info=[ImageInfo(height=96, width=64)],
        bboxes=[tv_tensors.BoundingBoxes(torch.ones(count, 4), format="XYXY", canvas_size=(96, 64))],
        labels=[torch.zeros(count, dtype=torch.int64)],
        keypoints=[tv_tensors.KeyPoints(points, canvas_size=(96, 64))],
        visible=[torch.tensor(visible, dtype=torch.int64).reshape(count, 2)],
        areas=[torch.ones(count)],
    )


def test_the_best_heat_map_has_no_loss_and_decodes_to_the_truth(model) -> None:
    heat = gaussians(PLACES / 4, torch.zeros(1, 2, 24, 16))
    outputs = SimpleNamespace(heatmaps=heat)
    assert model.losses(outputs, batch(PLACES, [[2, 2]]))["loss_keypoint"] == 0
    found = decode(
        model.raw_outputs(outputs, torch.zeros(1)), torch.zeros(1), [ImageInfo(height=96, width=64)], max_detections=1
    )
    torch.testing.assert_close(found.keypoints[0].as_subclass(torch.Tensor), PLACES, atol=1.0, rtol=0)
    assert found.scores[0][0] > 0.9
    assert found.bboxes[0].tolist() == [[0, 0, 64, 96]]


@pytest.mark.parametrize("truth", [batch(PLACES, [[0, 2]]), batch(PLACES[:0], [])])
def test_keypoints_that_are_not_labelled_have_no_loss(model, truth) -> None:
    heat = torch.zeros(1, 2, 24, 16)
    heat[:, 1] = gaussians(PLACES / 4, heat)[:, 1]
    assert model.losses(SimpleNamespace(heatmaps=heat), truth)["loss_keypoint"] == 0


def test_several_labels_are_refused() -> None:
    with pytest.raises(UserError, match=r"cannot tell several apart.*keypointrcnn"):
        TransformersViTPose(LabelInfo(("a", "b"), keypoints=Skeleton(("x",))), SPEC, "vitpose", TINY)


def test_labels_without_keypoints_are_refused() -> None:
    with pytest.raises(UserError, match="expected labels with keypoints"):
        TransformersViTPose(LabelInfo(("a",)), SPEC, "vitpose", TINY)
