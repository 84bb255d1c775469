"""Real networks of each framework, with random weights: exported, proven on images, and read by openvino-model-api."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.deploy.gate import export_proven
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.runtime.openvino_core import openvino_core
from otx.tasks import task_spec

LABELS = LabelInfo(("cat", "sea lion", "dog"))
QUICK = ["timm/mobilenetv4_conv_small", "torchvision/ssdlite320_mobilenet_v3_large"]
SLOW = ["timm/vit_tiny_patch16_224", "torchvision/fcos_resnet18_slim", "transformers/dfine_nano"]
NAMES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


def random_batch(task, size, count=3):
    """Smooth random pictures; truth is not looked at, because nothing is measured."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator) * 255
    images = nn.functional.interpolate(coarse, size, mode="bilinear").to(torch.uint8)
    infos = [ImageInfo(height=size[0], width=size[1])] * count
    batch = task_spec(task).load("batch")
    if task is OTXTaskType.DETECTION:
        return batch(images=images, imgs_info=infos, bboxes=[], labels=[])
    return batch(images=images, imgs_info=infos, labels=torch.zeros(count, dtype=torch.long))


def built(name):
    """The model at a small size, after a pass or two in which its batch norms have seen pictures."""
    tasks = {OTXTaskType.DETECTION, OTXTaskType.MULTI_CLASS_CLS}
    pytest.importorskip(f"otx.frameworks.{name.split('/')[0]}")
    row = next(row for row in catalog() if row.name == name and row.task in tasks)
    spec = row.input_spec if not row.input_spec.multiple_of else row.input_spec.with_size(256, 320)
    torch.manual_seed(0)
    model, _ = build_model(row, LABELS, spec, pretrained=False)
    batch = random_batch(row.task, spec.size)
    graph = model.export_graph()
    for module in graph.modules():
        module.training = isinstance(module, nn.BatchNorm2d)
        if module.training:
            module.momentum = None  # the plain mean of what it has seen
    with torch.no_grad():
        for _ in range(2):
            graph(batch.images)
    return model.eval(), batch


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["model.xml", "model.onnx"])
def test_export_is_proven(tmp_path, name, file):
    model, batch = built(name)
    parity = export_proven(model, [batch], tmp_path / file, model_name=name, measure=False)
    assert parity.passed
    assert parity.max_abs_diff < 1e-3


@pytest.mark.parametrize("name", QUICK)
def test_model_api_gives_our_results(tmp_path, name):
    pytest.importorskip("model_api")
    from model_api.adapters import OpenvinoAdapter
    from model_api.models import Model

    model, batch = built(name)
    if hasattr(model, "score_threshold"):
        model.score_threshold.fill_(0.3)
    path = tmp_path / "model.xml"
    export_proven(model, [batch], path, measure=False)
    adapter = OpenvinoAdapter(
        openvino_core(), str(path), device="CPU", plugin_config={"INFERENCE_PRECISION_HINT": "f32"}
    )
    result = Model.create_model(adapter)(np.ascontiguousarray(batch.images[0].permute(1, 2, 0).numpy()))
    with torch.no_grad():
        ours = model(batch)
    if model.task is OTXTaskType.MULTI_CLASS_CLS:
        np.testing.assert_allclose(result.raw_scores, ours.scores[0].numpy(), atol=1e-3)
        return
    shown = ours.scores[0] >= 0.3
    assert len(result.scores) == int(shown.sum())
    np.testing.assert_allclose(result.scores, ours.scores[0][shown].numpy(), atol=1e-3)
    # Order is only sure where scores are apart.
    if (ours.scores[0][shown].diff().abs() > 1e-5).all():
        assert result.labels.tolist() == ours.labels[0][shown].tolist()
        np.testing.assert_allclose(result.bboxes, ours.bboxes[0][shown].numpy(), atol=1)
