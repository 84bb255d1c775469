"""The rows of timm say what timm says, and any other timm name works."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.input_spec import ResizeMode
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.frameworks.timm.catalog import ROWS, lookup

CLS = OTXTaskType.MULTI_CLASS_CLS
LABELS = LabelInfo(("a", "b", "c"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.task}")
def test_rows_are_what_timm_says(row: ModelRow) -> None:
    from_timm = lookup(row.arch, row.task)
    size = row.input_spec.size if "dinov2" in row.name else from_timm.input_spec.size
    assert row.input_spec == from_timm.input_spec.with_size(*size)
    assert row.weights == dataclasses.replace(from_timm.weights, trained_on=row.weights.trained_on)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("resnet26t", CLS),
        ("test_vit", CLS),
        ("levit_128s", CLS),
        ("swin_tiny_patch4_window7_224", CLS),
        ("test_vit", OTXTaskType.MULTI_LABEL_CLS),
        ("test_resnet", OTXTaskType.H_LABEL_CLS),
    ],
)
def test_any_timm_name(name: str, task: str) -> None:
    row = catalog().get(f"timm/{name}", task)
    assert row.task == task
    model, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
    assert {len(rows) for rows in model.label_rows(3).values()} == {3}
    channels, height, width = row.input_spec.channels, *row.input_spec.size
    with torch.no_grad():
        raw = model.eval().export_graph()(torch.zeros(1, channels, height, width))
    assert raw["logits"].shape == (1, 3)


def test_restrictive_weights_say_so() -> None:
    assert lookup("convnextv2_atto.fcmae_ft_in1k", CLS).weights.licence == "CC-BY-NC-4.0"


def test_models_without_weights() -> None:
    assert lookup("nest_tiny", CLS).weights is None


@pytest.mark.parametrize("name", ["mobilenetv4_conv_smal", "resnet18.nobody_in1k"])
def test_names_that_timm_does_not_have(name: str) -> None:
    with pytest.raises(UserError, match=f"timm has no model '{name}'.*Did you mean"):
        catalog().get(f"timm/{name}", CLS)


def test_position_embeddings_are_brought_to_the_size(fill_hub) -> None:
    row = catalog().get("timm/vit_tiny_patch16_224", CLS)
    source, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
    fill_hub(row.weights.hub, {key.removeprefix("model."): tensor for key, tensor in source.state_dict().items()})
    model, report = build_model(row, LABELS, row.input_spec.with_size(96, 96), pretrained=True)
    assert report.coverage == 1.0
    assert model.model.pos_embed.shape == (1, 37, 192)


def test_one_channel_takes_the_weights_of_three(fill_hub) -> None:
    row = catalog().get("timm/resnet18", CLS)
    source, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
    fill_hub(row.weights.hub, {key.removeprefix("model."): tensor for key, tensor in source.state_dict().items()})
    grey = dataclasses.replace(row.input_spec, channels=1, mean=(0.5,), std=(0.5,), resize=ResizeMode.STRETCH)
    model, report = build_model(row, LABELS, grey, pretrained=True)
    assert report.coverage == 1.0
    assert torch.allclose(model.model.conv1.weight, source.model.conv1.weight.sum(1, keepdim=True), atol=1e-6)
