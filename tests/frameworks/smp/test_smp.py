"""Decoders of segmentation-models-pytorch over timm's encoders, by row and by name."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import timm
import torch

from otx.core.catalog import ModelRow
from otx.core.errors import MissingExtraError, UserError
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.frameworks.smp.catalog import ROWS, lookup

SEG = OTXTaskType.SEMANTIC_SEGMENTATION
LABELS = LabelInfo(("a", "b", "c"))
PRETRAINED = [row for row in ROWS if row.weights]


@pytest.mark.parametrize("row", PRETRAINED, ids=lambda row: row.name)
def test_timms_weights_fill_the_encoder(row: ModelRow, fill_hub) -> None:
    encoder = timm.create_model(row.weights.hub.removeprefix("timm/"), pretrained=False)
    fill_hub(row.weights.hub, encoder.state_dict())
    model, report = build_model(row, LABELS, row.input_spec, pretrained=True)
    assert report.coverage == 1.0
    first = next(iter(encoder.state_dict()))
    assert torch.equal(model.state_dict()[f"model.encoder.model.{first}"], encoder.state_dict()[first])


@pytest.mark.parametrize("row", PRETRAINED, ids=lambda row: row.name)
def test_rows_are_what_the_look_up_says(row: ModelRow) -> None:
    tag = row.weights.hub.rpartition(".")[2]
    found = lookup(f"{row.name.removeprefix('smp/')}.{tag}", SEG)
    assert (found.weights.hub, found.weights.licence) == (row.weights.hub, row.weights.licence)
    assert (found.arch, found.input_spec, found.parameters) == (row.arch, row.input_spec, row.parameters)


@pytest.mark.parametrize("name", ["linknet_resnet10t", "fpn_convnext_atto", "unetplusplus_mobilenetv3_small_050"])
def test_any_decoder_over_any_encoder(name: str) -> None:
    row = catalog().get(f"smp/{name}", SEG)
    model, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
    with torch.no_grad():
        raw = model.eval().export_graph()(torch.zeros(1, 3, 64, 96))
    assert raw["logits"].shape == (1, 3, 64, 96)
    assert set(model.label_rows(3)) == {"model.segmentation_head.0.weight", "model.segmentation_head.0.bias"}


def test_wrong_names_get_the_nearest() -> None:
    with pytest.raises(UserError, match=r"smp/DECODER_ENCODER.*Did you mean 'unet'"):
        catalog().get("smp/unett_resnet18", SEG)
    with pytest.raises(UserError, match="timm has no model 'resnet19'"):
        catalog().get("smp/unet_resnet19", SEG)
    with pytest.raises(UserError, match="for DETECTION"):
        catalog().get("smp/unet_resnet26", OTXTaskType.DETECTION)


@pytest.mark.parametrize("name", ["smp/unet_resnet18", "smp/unet_resnet26"])
def test_without_the_extra_one_line_names_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda package: None if "segmentation_models" in package else real(package)
    )
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(MissingExtraError, match=r"otx\[smp\]"):
        catalog().get(name, SEG)
