"""From a row, or the user's own file, to a model with weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from otx.core.errors import UserError
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model, find_row

pytest.importorskip("otx.frameworks.timm", reason="the models of these tests are of timm")
CLS, DET = OTXTaskType.MULTI_CLASS_CLS, OTXTaskType.DETECTION
LABELS = LabelInfo(("a", "b", "c"))
ROW = catalog().get("timm/mobilenetv4_conv_small", CLS)


def weights_of_the_framework() -> dict[str, torch.Tensor]:
    """What the hub would hold: timm's keys and a head of 1000 classes."""
    labels = LabelInfo(tuple(f"class {index}" for index in range(1000)))
    model, report = build_model(ROW, labels, ROW.input_spec, pretrained=False)
    assert report is None
    return {key.removeprefix("model."): tensor for key, tensor in model.state_dict().items()}


def test_pretrained_weights_but_for_the_head(fill_hub) -> None:
    state = weights_of_the_framework()
    fill_hub(ROW.weights.hub, state)
    model, report = build_model(ROW, LABELS, ROW.input_spec, pretrained=True)
    assert report.coverage == 1.0
    assert report.fresh == ("model.classifier.weight", "model.classifier.bias")
    assert torch.equal(model.state_dict()["model.conv_stem.weight"], state["conv_stem.weight"])
    assert "2 tensors newly initialised: model.classifier.weight, model.classifier.bias" in report.lines()


def test_never_silently_random(hub: Path) -> None:
    with pytest.raises(UserError, match="--pretrained false"):
        build_model(ROW, LABELS, ROW.input_spec, pretrained=True)
    bare = dataclasses.replace(ROW, weights=None)
    with pytest.raises(UserError, match="there are no pretrained weights for timm/mobilenetv4_conv_small"):
        build_model(bare, LABELS, ROW.input_spec, pretrained=True)


def test_a_file_of_the_framework(tmp_path: Path) -> None:
    torch.save({"state_dict": weights_of_the_framework()}, tmp_path / "mine.pth")  # noqa: TID251
    _, report = build_model(ROW, LABELS, ROW.input_spec, tmp_path / "mine.pth")
    assert report.coverage == 1.0


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    save_file({"encoder.weight": torch.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"other\.safetensors are not for this model"):
        build_model(ROW, LABELS, ROW.input_spec, tmp_path / "other.safetensors")


def test_a_checkpoint_of_otx_brings_its_labels(tmp_path: Path) -> None:
    before, _ = build_model(ROW, LABELS, ROW.input_spec, pretrained=False)
    save_file(before.state_dict(), tmp_path / "best.safetensors")
    (tmp_path / "best.json").write_text(json.dumps({"labels": LABELS.to_dict()}))
    after, report = build_model(ROW, LabelInfo(("x", "c", "a")), ROW.input_spec, tmp_path / "best.safetensors")
    assert (report.kept_labels, report.new_labels, report.dropped_labels) == (("c", "a"), ("x",), ("b",))
    assert torch.equal(after.model.classifier.weight[1:], before.model.classifier.weight[[2, 0]])


USER_FILE = """
from torch import nn
from otx.core.input_spec import InputSpec
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel

class Mine(OTXMultiClassClsModel):
    default_input = InputSpec(height=8, width=8)
    def create_model(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(192, len(self.label_info)))
    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}

class Sizeless(Mine):
    default_input = None

class Half(OTXMultiClassClsModel):
    pass

class Stranger:
    pass
"""


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "my_model.py"
    path.write_text(USER_FILE)
    return path


def test_a_class_in_the_users_file(user_file: Path) -> None:
    row = find_row(f"{user_file}:Mine", CLS)
    model, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
    assert type(model).__name__ == "Mine"
    assert len(model.model[1].bias) == 3


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("Mina", CLS, "there is no class 'Mina'.*Did you mean 'Mine'"),
        ("Stranger", CLS, "expected Stranger of .* to be an OTXModel"),
        ("Half", CLS, "still has to define create_model, customize_inputs"),
        ("Mine", DET, "solves MULTI_CLASS_CLS, but the task is DETECTION"),
        ("Sizeless", CLS, "default_input = InputSpec"),
    ],
)
def test_wrong_classes_in_the_users_file(user_file: Path, name: str, task: OTXTaskType, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_row(f"{user_file}:{name}", task)


def test_a_missing_or_failing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file"):
        find_row(f"{tmp_path / 'nowhere.py'}:Mine", CLS)
    (tmp_path / "broken_model.py").write_text("import nothing_of_that_name")
    with pytest.raises(UserError, match="failed with ModuleNotFoundError: No module named 'nothing_of_that_name'"):
        find_row(f"{tmp_path / 'broken_model.py'}:Mine", CLS)


@pytest.mark.framework("transformers")
def test_unknown_names() -> None:
    with pytest.raises(UserError, match="Did you mean 'timm/resnet18'"):
        find_row("tim/resnet18", CLS)
    with pytest.raises(UserError, match="solves DETECTION, but the task is MULTI_CLASS_CLS"):
        find_row("transformers/dfine_nano", CLS)
