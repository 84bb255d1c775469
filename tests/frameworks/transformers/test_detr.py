"""RT-DETRv2 and D-FINE: files of the hub, losses, small inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import tv_tensors

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.frameworks.build import build_model
from otx.frameworks.transformers.catalog import ROWS
from otx.frameworks.weights import read_file
from otx.tasks.detection.entity import DetBatchDataEntity

LABELS = LabelInfo(("a", "b", "c"))
NANO, R18 = ROWS[0], ROWS[3]


def published(row: ModelRow, folder: Path, labels: int = 80) -> tuple[torch.nn.Module, Path]:
    """A network as published: one head per decoder layer, saved by transformers in the layout of the hub."""
    model, _ = build_model(row, LabelInfo(tuple(str(index) for index in range(labels))), row.input_spec, False)
    network = model._build(labels)
    for index, parameter in enumerate(network.parameters()):
        torch.nn.init.normal_(parameter, std=0.02, generator=torch.Generator().manual_seed(index))
    network.model.decoder.class_embed, network.model.decoder.bbox_embed = network.class_embed, network.bbox_embed
    network.save_pretrained(folder)
    return network, folder / "model.safetensors"


@pytest.mark.parametrize("row", [NANO, R18], ids=lambda row: row.name)
def test_a_file_of_the_hub_fills_all_but_the_labels(row: ModelRow, tmp_path: Path) -> None:
    network, file = published(row, tmp_path)
    assert any(".fc1." in key for key in read_file(file)), "expected the names that the hub's files have"
    model, report = build_model(row, LABELS, row.input_spec, file)
    assert report.coverage == 1.0
    assert set(report.fresh) == set(model.label_rows(3))
    theirs, ours = network.state_dict(), model.model.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours if f"model.{key}" not in report.fresh)


def test_the_same_labels_give_the_same_predictions(tmp_path: Path) -> None:
    network, file = published(NANO, tmp_path, labels=3)
    model, _ = build_model(NANO, LABELS, NANO.input_spec, file)
    own = dict(model.model.state_dict())
    own |= {key: tensor for key, tensor in network.state_dict().items() if key in own}
    model.model.load_state_dict(own)
    images = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = (net.eval()(pixel_values=images) for net in (model.model, network))
    assert torch.equal(ours.logits, theirs.logits)
    assert torch.equal(ours.pred_boxes, theirs.pred_boxes)


def test_files_of_other_models_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"no 'enc_score_head.weight'"):
        build_model(NANO, LABELS, NANO.input_spec, tmp_path / "a.safetensors")
    _, file = published(R18, tmp_path)
    with pytest.raises(UserError, match=r"do not fit the architecture|are not for this model"):
        build_model(NANO, LABELS, NANO.input_spec, file)


@pytest.mark.parametrize("size", [64, 256])
def test_losses_are_the_librarys_and_small_inputs_work(size: int) -> None:
    torch.manual_seed(0)
    model, _ = build_model(NANO, LABELS, NANO.input_spec.with_size(size, size), pretrained=False)
    boxes = tv_tensors.BoundingBoxes([[4.0, 8.0, 40.0, 50.0]], format="XYXY", canvas_size=(size, size))
    batch = DetBatchDataEntity(
        images=torch.zeros(2, 3, size, size, dtype=torch.uint8),
        imgs_info=[ImageInfo(height=size, width=size)] * 2,
        bboxes=[boxes, boxes[:0]],
        labels=[torch.tensor([1]), torch.tensor([], dtype=torch.long)],
    )
    model.train()
    inputs = model.customize_inputs(batch)
    torch.testing.assert_close(inputs["labels"][0]["boxes"], torch.tensor([[22.0, 29.0, 36.0, 42.0]]) / size)
    outputs = model.model(**inputs)
    torch.testing.assert_close(model.customize_outputs(outputs, batch).total, outputs.loss)


def test_training_after_inference_mode() -> None:
    """The library keeps anchors in a cache: made in inference mode, they must not break training."""
    model, _ = build_model(NANO, LABELS, NANO.input_spec.with_size(96, 96), pretrained=False)
    images = torch.rand(2, 3, 96, 96)
    with torch.inference_mode():
        model.eval().model(pixel_values=images)
    model.train().model(pixel_values=images).logits.sum().backward()
