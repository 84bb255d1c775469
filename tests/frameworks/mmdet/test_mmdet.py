"""Detectors of MMDetection give what MMDetection itself gives, and need nothing but its wheels."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import box_iou, clip_boxes_to_image, roi_align, sigmoid_focal_loss

from otx.core.catalog import ModelRow
from otx.core.errors import MissingExtraError, OTXError, UserError
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.deploy.export import export
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.tasks.detection.entity import DetBatchDataEntity
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity

pytest.importorskip("mmdet", reason="pip install 'otx[mmdet]'")

DET, SEG = OTXTaskType.DETECTION, OTXTaskType.INSTANCE_SEGMENTATION
LABELS = LabelInfo(("a", "b", "c"))
RTMDET = "mmdet/rtmdet_tiny_8xb32-300e_coco"
SIZE = (96, 128)


def batch() -> DetBatchDataEntity:
    boxes = [[[10, 12, 60, 70], [50, 20, 120, 90]], [[5, 5, 40, 50]]]
    return DetBatchDataEntity(
        images=torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
        imgs_info=[ImageInfo(height=SIZE[0], width=SIZE[1])] * 2,
        bboxes=[tv_tensors.BoundingBoxes(torch.tensor(b).float(), format="XYXY", canvas_size=SIZE) for b in boxes],
        labels=[torch.tensor([0, 2]), torch.tensor([1])],
    )


def built(name: str, task: str = DET) -> Any:
    row = catalog().get(name, task)
    torch.manual_seed(0)
    return build_model(row, LABELS, row.input_spec.with_size(*SIZE), pretrained=False)[0]


def own_of(model: Any, truth: DetBatchDataEntity) -> tuple[Any, Any]:
    """MMDetection's own model of the config with the same weights, and what its own preprocessor makes of the batch."""
    from mmdet.registry import MODELS
    from mmdet.structures import DetDataSample
    from mmengine.config import ConfigDict
    from mmengine.registry import DefaultScope
    from mmengine.structures import InstanceData

    from otx.frameworks.openmmlab import _from_scratch, load_config

    config = load_config("mmdet", model.arch)
    settings = _from_scratch(dict(config.model), len(LABELS))
    settings["data_preprocessor"].pop("batch_augments", None)
    with DefaultScope.overwrite_default_scope("mmdet"):
        own = MODELS.build(ConfigDict(settings))
    own.load_state_dict(model.model.state_dict())
    samples = []
    for boxes, labels in zip(truth.bboxes, truth.labels, strict=True):
        facts = {"img_shape": SIZE, "ori_shape": SIZE, "scale_factor": (1.0, 1.0)}
        sample = DetDataSample(metainfo=facts)
        sample.gt_instances = InstanceData(bboxes=boxes.as_subclass(Tensor), labels=labels)
        samples.append(sample)
    # MMDetection reads files as BGR.
    data = {"inputs": [image.flip(0) for image in truth.images], "data_samples": samples}
    return own, data


@pytest.mark.parametrize("name", [RTMDET, "mmdet/yolox_tiny_8xb8-300e_coco", "mmdet/retinanet_r18_fpn_1x_coco"])
def test_losses_are_mmdetections_own(name: str) -> None:
    model, truth = built(name).train(), batch()
    own, data = own_of(model, truth)
    own.train()
    data = own.data_preprocessor(data, training=True)
    theirs = own.loss(data["inputs"], data["data_samples"])
    ours = model(truth).losses
    assert len(ours) >= 2
    for key, loss in ours.items():
        value = theirs[key]
        expected = sum(value) if isinstance(value, list) else value
        assert loss.item() == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", [RTMDET, "mmdet/yolox_tiny_8xb8-300e_coco", "mmdet/retinanet_r18_fpn_1x_coco"])
def test_predictions_are_mmdetections_own(name: str) -> None:
    model, truth = built(name), batch()
    for key, tensor in model.state_dict().items():  # else all scores are alike, or below the threshold
        if ("cls" in key or "obj" in key) and key.endswith("bias"):
            tensor.add_(4.0)
    own, data = own_of(model, truth)
    model.eval()
    own.eval()
    with torch.no_grad():
        ours = model(truth)
        data = own.data_preprocessor(data, training=False)
        theirs = own.predict(data["inputs"], data["data_samples"])
    for boxes, scores, labels, sample in zip(ours.bboxes, ours.scores, ours.labels, theirs, strict=True):
        expected = sample.pred_instances
        count = min(len(expected), 50)
        assert count > 5
        assert torch.allclose(scores[:count], expected.scores[:count], atol=1e-5)
        within = clip_boxes_to_image(expected.bboxes[:count], SIZE)
        same = labels[:, None] == expected.labels[:count]
        overlap = box_iou(boxes.as_subclass(Tensor), within) * same
        assert (overlap.max(dim=0).values > 0.999).all()


@pytest.mark.parametrize("row", [row for row in catalog() if row.package == "mmdet"], ids=lambda row: row.name)
def test_rows_are_what_the_configs_say(row: ModelRow) -> None:
    from otx.frameworks.openmmlab import input_spec

    spec = row.input_spec
    assert input_spec("mmdet", row.arch, spec.size, spec.resize) == spec


def test_any_config_is_a_model() -> None:
    from otx.frameworks.mmdet.catalog import lookup

    found = lookup(RTMDET.removeprefix("mmdet/"), DET)
    row = catalog().get(RTMDET, DET)
    assert (found.parameters, found.input_spec, found.exportable) == (row.parameters, row.input_spec, True)
    assert not lookup("faster-rcnn_r50_fpn_1x_coco", DET).exportable
    assert lookup("mask-rcnn_r50_fpn_1x_coco", DET) is None
    assert lookup("yolox_s_8xb8-300e_coco", DET).rgb_only
    assert lookup("grounding_dino_swin-t_finetune_16xb2_1x_coco", DET) is None  # it needs a language model
    with pytest.raises(UserError, match=r"no config 'rtmdet_tiny'\. Did you mean 'rtmdet_tiny_8xb32-300e_coco'"):
        lookup("rtmdet_tiny", DET)
    with pytest.raises(UserError, match="no config '/etc/passwd'"):
        lookup("/etc/passwd", DET)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mmdet/rtmdet-ins_tiny_8xb32-300e_coco", "mmdet/mask-rcnn_r50_fpn_1x_coco"])
def test_masks_are_learned_and_found(name: str) -> None:
    model, found = built(name, SEG), batch()
    masks = [tv_tensors.Mask(torch.zeros((len(boxes), *SIZE), dtype=torch.uint8)) for boxes in found.bboxes]
    for image, boxes in zip(masks, found.bboxes, strict=True):
        for mask, (left, top, right, bottom) in zip(image, boxes.long().tolist(), strict=True):
            mask[top:bottom, left:right] = 1
    truth = InstanceSegBatchDataEntity(found.images, found.imgs_info, found.bboxes, found.labels, masks, [[], []])
    losses = model.train()(truth)
    losses.total.backward()
    assert any("mask" in name for name in losses.losses)
    with torch.no_grad():
        predicted = model.eval()(truth)
        own = model.model(**model.customize_inputs(truth))
    assert len(predicted.rles[0]) == len(predicted.bboxes[0])
    for boxes, scores, sample in zip(predicted.bboxes, predicted.scores, own, strict=True):
        assert torch.allclose(scores, sample.pred_instances.scores[: len(scores)], atol=1e-6)
        assert torch.allclose(boxes.as_subclass(Tensor), sample.pred_instances.bboxes[: len(scores)], atol=1e-3)


def test_what_does_not_trace_is_not_exported(tmp_path) -> None:
    with pytest.raises(OTXError, match="predict cannot be traced, so this model is not exported"):
        export(built("mmdet/rtmdet-ins_tiny_8xb32-300e_coco", SEG), tmp_path / "model.xml")


def test_nothing_is_fetched_or_written(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmengine.runner.checkpoint as checkpoint

    def forbidden(*_: object, **__: object) -> None:
        pytest.fail("weights are asked for")

    monkeypatch.setattr(checkpoint, "_load_checkpoint", forbidden)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", forbidden)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    built(RTMDET).train()(batch())
    built("mmdet/retinanet_r18_fpn_1x_coco")  # its config names pretrained weights, and freezes layers
    assert not list(tmp_path.iterdir())


def test_layers_are_not_frozen() -> None:
    model = built("mmdet/retinanet_r18_fpn_1x_coco")
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(isinstance(layer, torch.nn.SyncBatchNorm) for layer in built(RTMDET).modules())


def test_without_the_extra_one_line_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "mmdet" else real(name))
    monkeypatch.setitem(sys.modules, "mmdet", None)
    from otx.frameworks.openmmlab import config_files

    config_files.cache_clear()
    for name in (RTMDET, "mmdet/retinanet_r18_fpn_1x_coco"):
        with pytest.raises(MissingExtraError, match=r"otx\[mmdet\]"):
            catalog().get(name, DET)


def test_operators_stand_in_for_compiled_ones() -> None:
    built(RTMDET)
    from mmcv.ops import RoIAlign, nms, soft_nms
    from mmcv.ops import sigmoid_focal_loss as mmcv_focal

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]])
    kept, index = nms(boxes, torch.tensor([0.5, 0.9, 0.3]), 0.5)
    assert index.tolist() == [1, 2]
    assert kept[:, 4].tolist() == pytest.approx([0.9, 0.3])

    features = torch.rand(1, 2, 16, 16, requires_grad=True)
    rois = torch.tensor([[0.0, 2, 2, 10, 12]])
    pooled = RoIAlign(4, 1.0, 2)(features, rois)
    (gradient,) = torch.autograd.grad(pooled.square().sum(), features)
    expected = roi_align(features, rois, 4, 1.0, 2, aligned=True)
    assert torch.equal(pooled, expected)
    assert torch.allclose(gradient, torch.autograd.grad(expected.square().sum(), features)[0])

    logits = torch.randn(5, 3, requires_grad=True)
    target = torch.tensor([0, 1, 2, 3, 3])  # 3 is the background
    truth = torch.nn.functional.one_hot(target, 4)[:, :3].float()
    loss = mmcv_focal(logits, target, 2.0, 0.25, None, "sum")
    expected = sigmoid_focal_loss(logits, truth, 0.25, 2.0, "sum")
    assert loss.item() == pytest.approx(expected.item())
    assert torch.allclose(*(torch.autograd.grad(value, logits)[0] for value in (loss, expected)))

    with pytest.raises(UserError, match="compiled operator 'softnms' of mmcv"):
        soft_nms(boxes, torch.ones(3))
