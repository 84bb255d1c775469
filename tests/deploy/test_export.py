"""What an export writes: the form of the graph, and predictions equal to the model's."""

from __future__ import annotations

import importlib.util
import json

import openvino as ov
import pytest
import torch
from torch import nn

from otx.core.errors import MissingExtraError, OTXError, UserError
from otx.deploy.export import export
from otx.runtime.exported import load_exported

FILES = [("model.xml", "fp32"), ("model.xml", "fp16"), ("model.onnx", "fp32"), ("model.onnx", "fp16")]


@pytest.mark.parametrize(("name", "precision"), FILES)
def test_classifier_predicts_the_same(tmp_path, classifier, images_of_colours, name, precision):
    exported = load_exported(export(classifier, tmp_path / name, precision=precision))
    ours = classifier.eval()(images_of_colours)
    theirs = exported(images_of_colours)
    assert type(theirs) is type(ours)
    assert torch.equal(theirs.labels, images_of_colours.labels)
    torch.testing.assert_close(theirs.scores, ours.scores, atol=1e-5 if precision == "fp32" else 5e-3, rtol=0)


@pytest.mark.parametrize(("name", "precision"), FILES)
def test_detector_predicts_the_same(tmp_path, detector, images_of_squares, name, precision):
    exported = load_exported(export(detector, tmp_path / name, precision=precision))
    assert exported.threshold == pytest.approx(0.35)
    assert exported.decode_settings() == {"nms_iou": 0.5, "max_detections": 20}
    ours = detector.eval()(images_of_squares).records(detector.label_info, 0.35)
    theirs = exported(images_of_squares).records(exported.label_info, exported.threshold)
    for record, twin in zip(ours, theirs, strict=True):
        assert len(record["objects"]) == 3
        assert [o["label"] for o in twin["objects"]] == [o["label"] for o in record["objects"]]
        assert [o["bbox"] for o in twin["objects"]] == [o["bbox"] for o in record["objects"]]


@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
def test_input_is_an_image_as_decoders_give_it(tmp_path, detector, name):
    graph = ov.Core().read_model(export(detector, tmp_path / name))
    (image,) = graph.inputs
    assert image.any_name == "image"
    assert str(image.partial_shape) == "[?,64,96,3]"
    assert image.element_type == ov.Type.u8
    assert [output.any_name for output in graph.outputs] == ["boxes", "labels"]
    assert all(output.partial_shape[0].is_dynamic for output in graph.outputs)


@pytest.mark.parametrize(("name", "weights"), [("model.xml", "model.bin"), ("model.onnx", "model.onnx")])
def test_fp16_halves_the_weights(tmp_path, classifier, name, weights):
    classifier.model.head = nn.Sequential(nn.Linear(3, 20000), nn.Linear(20000, 3))
    sizes = {}
    for precision in ("fp32", "fp16"):
        export(classifier, tmp_path / precision / name, precision=precision)
        sizes[precision] = (tmp_path / precision / weights).stat().st_size
    assert sizes["fp16"] / sizes["fp32"] == pytest.approx(0.5, abs=0.02)


def test_fp16_keeps_weights_that_it_cannot_hold(tmp_path, classifier, images_of_colours):
    classifier.model.head.weight.data *= 1e5
    classifier.model.norm.weight.data /= 1e5
    for name in ("model.xml", "model.onnx"):
        exported = load_exported(export(classifier, tmp_path / name, precision="fp16"))
        assert torch.equal(exported(images_of_colours).labels, images_of_colours.labels)


@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
def test_model_is_left_as_it_was(tmp_path, classifier, name):
    classifier.train()
    classifier.model.norm.eval()
    classifier.to(memory_format=torch.channels_last)
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    strides = classifier.model.conv.weight.stride()
    export(classifier, tmp_path / name)
    assert classifier.training
    assert not classifier.model.norm.training
    assert classifier.model.conv.weight.stride() == strides
    assert all(torch.equal(value, before[key]) for key, value in classifier.state_dict().items())


def test_half_precision_models_are_exported_in_full(tmp_path, classifier, images_of_colours):
    exported = load_exported(export(classifier.half(), tmp_path / "model.xml"))
    assert torch.equal(exported(images_of_colours).labels, images_of_colours.labels)


def test_unknown_suffix(tmp_path, classifier):
    with pytest.raises(UserError, match=r"ending in \.xml or \.onnx, got .*model\.pt"):
        export(classifier, tmp_path / "model.pt")


def test_missing_onnx_is_one_line(tmp_path, classifier, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnx" else find(name, *rest))
    with pytest.raises(MissingExtraError, match=r"pip install 'otx\[onnx\]'"):
        export(classifier, tmp_path / "model.onnx")


class FixedBatch(nn.Module):
    """Turns the batch size into a number, as careless forwards do."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x).reshape(int(x.shape[0]), -1)


def test_fixed_batch_is_refused(tmp_path, classifier):
    classifier.model = FixedBatch(classifier.model)
    with pytest.raises(OTXError, match=r"fixed batch.*'logits'"):
        export(classifier, tmp_path / "model.xml")
    assert not list(tmp_path.iterdir())


class Unconvertible(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(x).mean((2, 3))


@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
def test_unconvertible_network_is_one_error(tmp_path, classifier, name):
    classifier.model = Unconvertible()
    with pytest.raises(OTXError, match="timm/x cannot be exported as"):
        export(classifier, tmp_path / name, model_name="timm/x")
    assert not list(tmp_path.iterdir())


def test_files_tell_everything(tmp_path, detector):
    graph = ov.Core().read_model(export(detector, tmp_path / "model.xml", model_name="mine/colours"))
    own = graph.get_rt_info(["otx"]).value
    assert own["task"] == "DETECTION"
    assert own["model"] == "mine/colours"
    assert own["resize"] == "runtime"
    assert json.loads(own["labels"])["names"] == ["red", "very green", "blue <é>"]
    assert json.loads(own["input_spec"])["height"] == 64
    theirs = graph.get_rt_info(["model_info"]).value
    assert theirs["labels"] == "red very_green blue_<é>"
    assert theirs["nms_execute"] == "True"


@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_graph_of_one_image_runs_a_batch_and_says_so(tmp_path, detector, images_of_squares, name, alone):
    detector.exports_batch_of_one = alone
    exported = load_exported(export(detector, tmp_path / name))
    assert exported.info.batch == ("1" if alone else "free")
    assert exported.model.compiled.input().partial_shape[0].is_static is alone
    found, expected = exported(images_of_squares), detector.eval()(images_of_squares)
    for ours, theirs in zip(expected.scores, found.scores, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
