"""Quantised files prove themselves as exported ones do, by the first rung of the ladder that keeps the metric."""

from __future__ import annotations

import copy
import ctypes
import json

import numpy as np
import openvino as ov
import pytest
import torch
from openvino import opset13 as opset
from tests.deploy.conftest import COLOURS, SPEC, ColourClassifier, cls_batch, det_batch
from tests.deploy.test_parity import dropped_class, swapped_channels, wrong_mean

from otx.core.errors import OTXError
from otx.deploy.export import export
from otx.deploy.gate import ParityError, export_proven, quantize_proven
from otx.deploy.parity import Parity
from otx.deploy.quantize import LADDER, Quantizer, _layers_behind, noisiest_layers
from otx.runtime.compiled import read_graph
from otx.runtime.exported import load_exported

RUNGS = list(LADDER)


def one_by_one(batch):
    return [batch.pick([index]) for index in range(batch.batch_size)]


def first(count):
    return {rung: LADDER[rung] for rung in RUNGS[:count]}


def kinds(path):
    return {node.get_type_name() for node in ov.Core().read_model(path).get_ops()}


@pytest.fixture
def images():
    return one_by_one(cls_batch(12))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return export(ColourClassifier(COLOURS, SPEC), tmp_path_factory.mktemp("export") / "model.xml")


@pytest.mark.parametrize("rung", RUNGS)
def test_each_rung_makes_a_file_that_keeps_the_metric(tmp_path, base, images, rung):
    path = tmp_path / "model.xml"
    parity = quantize_proven(base, images, images, path, rungs={rung: LADDER[rung]})
    assert (parity.metric, parity.exported, parity.images, parity.passed) == ("accuracy", 1.0, 12, True)
    assert set(parity.outputs) == {"logits"}
    assert set(parity.milliseconds) == {"reference", "exported"}
    assert ("FakeQuantize" in kinds(path)) == (rung != "weights only")
    assert sorted(file.name for file in tmp_path.glob("*.*")) == ["model.bin", "model.xml", "parity.json"]
    exported = load_exported(path)
    assert exported.info.batch == "1"
    assert exported(cls_batch(5)).labels.tolist() == [0, 1, 2, 0, 1]
    assert ("floating point" in parity.detail) == (rung == "ignored scopes")


def test_a_quantised_detector_takes_one_image_and_is_run_on_batches(tmp_path, detector):
    images = one_by_one(det_batch(6))
    base = tmp_path / "fp32.xml"
    earlier = export_proven(detector, images, base)
    parity = quantize_proven(base, images, images, tmp_path / "model.xml", earlier=earlier, max_drop=0.5)
    assert parity.reference == earlier.reference
    assert ov.Core().read_model(tmp_path / "model.xml").input(0).partial_shape.is_static
    assert load_exported(tmp_path / "model.xml")(det_batch(3)).batch_size == 3


def stand_in(monkeypatch, drops):
    """Rungs that do nothing, and a metric that loses what is asked for, rung after rung."""
    left = iter(drops)

    def compare(reference, exported, batches, *, max_drop, **_):
        drop = next(left)
        reasons = () if drop <= max_drop else (f"falls by {drop}",)
        return Parity(drop_relative=drop, max_drop=max_drop, images=1, passed=not reasons, reasons=reasons)

    monkeypatch.setattr("otx.deploy.gate.compare", compare)
    for rung in LADDER:
        monkeypatch.setitem(LADDER, rung, lambda quantizer: read_graph(quantizer.path))


@pytest.mark.parametrize("last", range(len(RUNGS)))
def test_the_first_rung_that_passes_is_the_last(tmp_path, base, images, monkeypatch, last):
    stand_in(monkeypatch, [0.3] * last + [0.005] + [0.0] * 9)
    parity = quantize_proven(base, images, images, tmp_path / "model.xml")
    written = json.loads((tmp_path / "parity.json").read_text())
    assert parity.name == written["name"] == f"INT8 model ({RUNGS[last]})"
    tried = written["comparisons"]
    assert [one["name"] for one in tried] == [f"INT8 model ({rung})" for rung in RUNGS[: last + 1]]
    assert [one["passed"] for one in tried] == [False] * last + [True]
    assert not (tmp_path / "model.failed-parity.xml").exists()


def test_where_no_rung_passes_the_best_is_kept_apart(tmp_path, base, images, monkeypatch):
    stand_in(monkeypatch, [0.5, float("nan"), 0.6, 0.2, 0.3, 0.4, 0.6])
    path = tmp_path / "model.xml"
    path.write_text("of an earlier run")
    with pytest.raises(ParityError, match=r"INT8 model \(full bias correction\) does not predict like") as caught:
        quantize_proven(base, images, images, path)
    assert caught.value.exit_status == 1
    assert caught.value.parity.drop == 0.2
    files = sorted(file.name for file in tmp_path.glob("*.*"))
    assert files == ["model.failed-parity.bin", "model.failed-parity.xml", "parity.json"]
    assert len(json.loads((tmp_path / "parity.json").read_text())["comparisons"]) == len(RUNGS)


@pytest.mark.parametrize("breakage", [wrong_mean, swapped_channels, dropped_class])
def test_a_broken_file_is_caught(tmp_path, base, images, classifier, monkeypatch, breakage):
    twin = copy.deepcopy(classifier)
    breakage(twin)
    broken = export(twin, tmp_path / "broken" / "model.xml")
    monkeypatch.setitem(LADDER, RUNGS[0], lambda _: read_graph(broken))
    with pytest.raises(ParityError):
        quantize_proven(base, images, images, tmp_path / "model.xml", rungs=first(1))
    assert not (tmp_path / "model.xml").exists()
    assert (tmp_path / "model.failed-parity.xml").exists()


def test_what_cannot_be_made_is_left_for_the_next_rung(tmp_path, base, images, monkeypatch):
    def refuse(_):
        msg = "NNCF cannot do it: no node"
        raise OTXError(msg)

    monkeypatch.setitem(LADDER, RUNGS[0], refuse)
    assert quantize_proven(base, images, images, tmp_path / "model.xml", rungs=first(2)).passed
    written = json.loads((tmp_path / "parity.json").read_text())["comparisons"]
    assert written[0]["reasons"] == ["NNCF cannot do it: no node"]
    with pytest.raises(OTXError, match="cannot be quantised: NNCF cannot do it: no node"):
        quantize_proven(base, images, images, tmp_path / "model.xml", rungs=first(1))


def head_inputs(graph):
    """Kinds of nodes that feed the last layer."""
    (head,) = (node for node in graph.get_ops() if node.get_type_name() == "MatMul")
    return {port.get_node().get_type_name() for port in head.input_values()}


@pytest.mark.parametrize("rung", [rung for rung in RUNGS if rung != "ignored scopes"])  # which leaves nothing here
def test_parts_that_the_model_names_stay_in_floating_point(tmp_path, images, rung):
    class HeadInFloat(ColourClassifier):
        float_parts = ("model.head",)

    path = export(HeadInFloat(COLOURS, SPEC), tmp_path / "model.xml")
    assert not head_inputs(LADDER[rung](Quantizer(path, images, images, 0.01))) & {"FakeQuantize", "Convert"}


def test_other_parts_do_not(base, images):
    quantizer = Quantizer(base, images, images, 0.01)
    assert "FakeQuantize" in head_inputs(quantizer.default())
    assert "Constant" not in head_inputs(quantizer.weights_only())


def test_the_noisiest_layers_are_found(base, images):
    graph = Quantizer(base, images, images, 0.01).default()
    feeds = [{"image": batch.images.movedim(1, -1).numpy()} for batch in images]
    one, every = (noisiest_layers(graph.clone(), iter(feeds), share) for share in (0.01, 1.0))
    kinds = {node.get_friendly_name(): node.get_type_name() for node in read_graph(base).get_ops()}
    assert {kinds[name] for name in every} == {"Convolution", "MatMul"}
    assert len(one) == 1


def test_paths_that_part_and_meet_again_are_walked_once():
    image = opset.parameter([1, 3], name="image")
    sums = quantizer = opset.fake_quantize(image, *([0.0], [1.0]) * 2, levels=256)
    for _ in range(60):
        sums = opset.add(sums, sums)
    layer = opset.matmul(sums, opset.constant(np.eye(3, dtype=np.float32)), transpose_a=False, transpose_b=False)
    ov.Model([layer], [image])
    assert _layers_behind(quantizer) == {layer.get_friendly_name()}


@torch.jit.script
def _mirror_dark(x: torch.Tensor) -> torch.Tensor:
    if bool(x.mean() < 0):
        x = x.flip(-1)
    return x


def test_where_a_graph_branches_the_rung_that_needs_one_path_says_so(tmp_path, images):
    class Branching(ColourClassifier):
        def customize_inputs(self, batch):
            return {"x": _mirror_dark(self.normalize(batch.images))}

    path = export(Branching(COLOURS, SPEC), tmp_path / "base.xml")
    assert "If" in kinds(path)
    rungs = {rung: LADDER[rung] for rung in ("full bias correction", "ignored scopes")}
    parity = quantize_proven(path, images, images, tmp_path / "model.xml", rungs=rungs)
    assert parity.name == "INT8 model (ignored scopes)"
    tried = json.loads((tmp_path / "parity.json").read_text())["comparisons"]
    assert "not supported for OpenVINO models with If" in tried[0]["reasons"][0]


def signal_stack() -> bytes:
    """Where the handlers of this thread run, as sigaltstack(2) has it."""
    stack = ctypes.create_string_buffer(24)
    assert not ctypes.CDLL(None).sigaltstack(None, stack)
    return stack.raw


def test_layers_are_turned_back_until_the_metric_is_kept(base, images, monkeypatch):
    def measure(_self, compiled, _batches):
        nodes = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
        layers = [node for node in nodes if node["layerType"] in {"Convolution", "FullyConnected"}]
        return 1.0 - 0.2 * sum(node["runtimePrecision"] in {"i8", "u8"} for node in layers), None

    monkeypatch.setattr(Quantizer, "_measure", measure)
    load_exported(base)  # starts the core that stays
    before = signal_stack()
    every, some, none = (
        sum(node.get_type_name() == "FakeQuantize" for node in graph.get_ops())
        for graph in (Quantizer(base, images, images, drop).accuracy_aware() for drop in (0.9, 0.3, 0.1))
    )
    assert every > some > none
    assert signal_stack() == before  # NNCF's cores end in the order they began


def test_predictions_are_close(tmp_path, base, images):
    quantize_proven(base, images, images, tmp_path / "model.xml", rungs=first(1))
    batch = cls_batch(6)
    exact, rounded = (load_exported(path)(batch).scores.numpy() for path in (base, tmp_path / "model.xml"))
    assert 0 < np.abs(exact - rounded).max() < 0.1
