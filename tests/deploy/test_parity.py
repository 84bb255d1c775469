"""The comparison passes what is right, catches what is wrong, and leaves the model alone."""

from __future__ import annotations

import copy
import json

import pytest
import torch

from otx.deploy.difference import Difference, difference
from otx.deploy.export import export
from otx.deploy.gate import ParityError, export_proven
from otx.deploy.parity import compare
from otx.deploy.settings import TOLERANCES, parity_file
from otx.runtime.exported import load_exported

FP32 = TOLERANCES["fp32"]


def wrong_mean(model):
    model.normalize.mean += torch.tensor([80.0, 0.0, -40.0]).view(1, 3, 1, 1)


def swapped_channels(model):
    model.normalize.register_forward_hook(lambda _module, _args, output: output.flip(1))


def dropped_class(model):
    head = model.model.head
    model.model.head = torch.nn.Linear(3, 2)
    model.model.head.load_state_dict({"weight": head.weight[:2], "bias": head.bias[:2]})


def silenced_class(model):
    model.model.register_forward_hook(lambda _module, _args, output: output * torch.tensor([1.0, 1.0, 0.0]))


@pytest.mark.parametrize(("name", "proof"), [("model.xml", "parity.json"), ("model.onnx", "parity.onnx.json")])
def test_a_good_export_passes(tmp_path, classifier, images_of_colours, name, proof):
    others = {"parity.json", "parity.onnx.json"} - {proof}
    for other in others:
        (tmp_path / other).write_text("of the other format")
    classifier.train()
    classifier.model.norm.eval()
    parity = export_proven(classifier, [images_of_colours], tmp_path / name)
    assert parity.passed
    assert (parity.metric, parity.reference, parity.exported, parity.drop_relative) == ("accuracy", 1.0, 1.0, 0.0)
    assert parity.images == 6
    assert parity.max_abs_diff < 1e-4
    assert classifier.training
    assert not classifier.model.norm.training
    written = json.loads((tmp_path / proof).read_text())
    keys = ["metric", "reference", "exported", "drop_relative", "max_drop", "max_abs_diff", "images", "passed"]
    assert list(written)[: len(keys)] == keys
    assert set(written["outputs"]) == {"logits"}
    assert {file.name for file in tmp_path.iterdir()} == {proof, name, *others} | (
        {"model.bin"} if name == "model.xml" else set()
    )


def test_a_good_detector_passes(tmp_path, detector, images_of_squares):
    parity = export_proven(detector, [images_of_squares], tmp_path / "model.xml")
    assert parity.metric == "map"
    assert parity.reference > 0.9
    assert parity.exported == pytest.approx(parity.reference, abs=1e-6)


def export_broken(monkeypatch, breakage):
    def broken(model, path, **settings):
        twin = copy.deepcopy(model)
        breakage(twin)
        return export(twin, path, **settings)

    monkeypatch.setattr("otx.deploy.gate.export", broken)


@pytest.mark.parametrize("breakage", [wrong_mean, swapped_channels, dropped_class, silenced_class])
@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
def test_a_broken_classifier_is_kept_apart(tmp_path, classifier, images_of_colours, monkeypatch, breakage, name):
    export_proven(classifier, [images_of_colours], tmp_path / name)
    export_broken(monkeypatch, breakage)
    with pytest.raises(ParityError, match=r"exported model does not predict .* on . validation images") as caught:
        export_proven(classifier, [images_of_colours], tmp_path / name)
    assert caught.value.exit_status == 1
    apart = tmp_path / name.replace("model", "model.failed-parity")
    assert str(apart) in str(caught.value)
    assert not (tmp_path / name).exists()
    assert not json.loads(parity_file(tmp_path / name).read_text())["passed"]
    if breakage is not dropped_class:
        load_exported(apart)(images_of_colours)


@pytest.mark.parametrize("breakage", [wrong_mean, swapped_channels, silenced_class])
@pytest.mark.parametrize("measure", [True, False])
def test_a_broken_detector_is_kept_apart(tmp_path, detector, images_of_squares, monkeypatch, breakage, measure):
    export_broken(monkeypatch, breakage)
    with pytest.raises(ParityError, match=r"model\.failed-parity\.xml"):
        export_proven(detector, [images_of_squares], tmp_path / "model.xml", measure=measure)


def test_the_metric_alone_decides_without_a_tolerance(tmp_path, classifier, images_of_colours):
    twin = copy.deepcopy(classifier)
    twin.model.head.weight.data *= 1.5
    path = export(twin, tmp_path / "model.xml")
    assert compare(classifier, load_exported(path), [images_of_colours], tolerance=None).passed
    assert not compare(classifier, load_exported(path), [images_of_colours], tolerance=FP32).passed
    swapped_channels(twin)
    path = export(twin, tmp_path / "model.xml")
    parity = compare(classifier, load_exported(path), [images_of_colours], tolerance=None)
    assert not parity.passed
    assert "accuracy falls from 1.0000 to 0.3333, by 66.7%" in parity.reasons


def test_outputs_are_told_apart_and_timed(tmp_path, detector, images_of_squares):
    exported = load_exported(export(detector, tmp_path / "model.xml"))
    run = exported.model.forward
    exported.model.forward = lambda images: run(images) | {"boxes": run(images)["boxes"] * 0.5}
    parity = compare(detector, exported, [images_of_squares], tolerance=FP32)
    assert list(parity.outputs) == ["boxes"]
    assert parity.outputs["boxes"] > 0.1
    assert all(value > 0 for value in parity.milliseconds.values())


def test_the_drop_can_be_counted_from_the_checkpoint(tmp_path, classifier, images_of_colours):
    exported = load_exported(export(classifier, tmp_path / "model.xml"))
    parity = compare(exported, exported, [images_of_colours], tolerance=None, value=2.0)
    assert (parity.reference, parity.exported, parity.drop_relative, parity.passed) == (2.0, 1.0, 0.5, False)


def test_no_image_is_no_proof(tmp_path, classifier):
    with pytest.raises(ParityError, match="no image to compare on"):
        export_proven(classifier, [], tmp_path / "model.xml")


def test_a_batch_that_loses_images_is_caught(tmp_path, classifier, images_of_colours):
    exported = load_exported(export(classifier, tmp_path / "model.xml"))
    run = exported.model.forward
    exported.model.forward = lambda images: {name: output[:1] for name, output in run(images).items()}
    parity = compare(classifier, exported, [images_of_colours], tolerance=FP32)
    assert parity.reasons == ("the graph answers for 1 of 6 images of a batch",)


def test_a_batch_that_changes_answers_is_caught(tmp_path, classifier, images_of_colours):
    exported = load_exported(export(classifier, tmp_path / "model.xml"))
    run = exported.model.forward
    exported.model.forward = lambda images: {name: output * len(images) for name, output in run(images).items()}
    parity = compare(classifier, exported, [images_of_colours], tolerance=FP32)
    assert any("alone and in a batch" in reason for reason in parity.reasons)


def test_a_batch_that_cannot_run_is_caught(tmp_path, classifier, images_of_colours):
    classifier.model.register_forward_hook(lambda _module, _args, output: output.reshape(int(output.shape[0]), 3))
    path = export(classifier, tmp_path / "model.onnx")
    parity = compare(classifier, load_exported(path), [images_of_colours], tolerance=FP32)
    assert not parity.passed
    assert "cannot run on a batch of 6" in parity.reasons[0] or "of 6 images of a batch" in parity.reasons[0]


def test_an_exported_model_can_be_the_reference(tmp_path, detector, images_of_squares):
    exported = load_exported(export(detector, tmp_path / "model.xml"))
    assert compare(exported, exported, [images_of_squares], tolerance=FP32).max_abs_diff == 0


def rows(*boxes):
    return {
        "boxes": torch.tensor([[box[:5] for box in boxes]]).float(),
        "labels": torch.tensor([[int(box[5]) for box in boxes]]),
    }


FIRST, SECOND, LAST = (0, 0, 9, 9, 0.9, 0), (20, 20, 40, 40, 0.9, 1), (1, 1, 5, 5, 0.1, 0)


def test_detections_may_swap():
    found = difference(rows(FIRST, SECOND, LAST), rows(SECOND, FIRST, LAST), FP32)
    assert found == Difference(0.0, 0.0, 4, 0, {"boxes": 0.0})


@pytest.mark.parametrize("wrong", [(20, 20, 40, 40, 0.9, 0), (20, 20, 60, 40, 0.9, 1), (20, 20, 40, 40, 0.85, 1)])
def test_detections_without_a_twin_are_counted(wrong):
    found = difference(rows(FIRST, SECOND, LAST), rows(FIRST, wrong, LAST), FP32)
    assert (found.compared, found.unmatched) == (4, 2)
    assert found.breaches(FP32)


def test_the_last_places_may_be_cut_differently():
    other = (50, 50, 60, 60, 0.1, 2)
    assert difference(rows(FIRST, LAST), rows(FIRST, other), FP32).unmatched == 0


def test_missing_outputs_and_nan_are_infinitely_far():
    assert difference({"a": torch.zeros(1)}, {"b": torch.zeros(1)}, FP32).breaches(FP32)
    assert difference({"a": torch.zeros(1)}, {"a": torch.tensor([torch.nan])}, FP32).breaches(FP32)
    assert difference({"a": torch.zeros(1, 3)}, {"a": torch.zeros(1, 2)}, FP32).breaches(FP32)
    assert difference(rows(FIRST), rows(FIRST, LAST), FP32).breaches(FP32)


def test_no_detections_on_either_side():
    nothing = {"boxes": torch.zeros(2, 0, 5), "labels": torch.zeros(2, 0, dtype=torch.long)}
    assert difference(nothing, nothing, FP32) == Difference(outputs={"boxes": 0.0})


@pytest.mark.parametrize(("shift", "unmatched"), [(0.0, 0), (0.5, 2)])
def test_masks_go_with_their_detections(shift, unmatched):
    """Each detection has the mask of its twin, whatever the order; a mask of its own has no twin."""
    masks = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    changed = masks[:, [1, 0, 2]].clone()
    changed[:, 0] += shift
    ours = rows(FIRST, SECOND, LAST) | {"masks": masks}
    theirs = rows(SECOND, FIRST, LAST) | {"masks": changed}
    assert difference(ours, theirs, FP32).unmatched == unmatched
    assert difference(ours, theirs | {"masks": changed[..., :2]}, FP32).breaches(FP32)
