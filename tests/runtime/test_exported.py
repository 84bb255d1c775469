"""Files are loaded by what they say about themselves, and refused where they say nothing or nonsense."""

from __future__ import annotations

import openvino as ov
import pytest
import torch
from openvino import opset13 as ops

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.task import OTXTaskType
from otx.runtime.compiled import read_graph
from otx.runtime.exported import load_exported
from otx.runtime.metadata import read_info
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity


def batch(count=2):
    images = torch.zeros(count, 3, 32, 48, dtype=torch.uint8)
    images[:, 1] = 200
    infos = [ImageInfo(height=32, width=48)] * count
    return MultiClassClsBatchDataEntity(images=images, imgs_info=infos, labels=torch.ones(count, dtype=torch.long))


@pytest.mark.parametrize("hint", ["LATENCY", "THROUGHPUT"])
def test_batches_in_predictions_out(classifier_file, hint):
    model = load_exported(classifier_file, hint=hint)
    assert model.task is OTXTaskType.MULTI_CLASS_CLS
    assert model.label_info.names == ("red", "very green", "blue <é>")
    assert model.input_spec.size == (32, 48)
    for count in (1, 3):
        prediction = model(batch(count))
        assert isinstance(prediction, MultiClassClsBatchPredEntity)
        assert prediction.labels.tolist() == [1] * count


def test_predictions_do_not_share_memory(classifier_file):
    model = load_exported(classifier_file)
    first = model.model(batch(1).images)["logits"]
    kept = first.clone()
    model.model(torch.full((1, 3, 32, 48), 7, dtype=torch.uint8))
    assert torch.equal(first, kept)


def test_info_survives_the_file(classifier_file, info):
    assert read_info(read_graph(classifier_file), "x") == info


def test_arithmetic_is_f32_unless_told_otherwise(classifier_file):
    def arithmetic(**settings):
        compiled = load_exported(classifier_file, **settings).model.compiled
        return compiled.get_property("INFERENCE_PRECISION_HINT")

    assert arithmetic() == ov.Type.f32
    assert arithmetic(precision="") == ov.Core().get_property("CPU", "INFERENCE_PRECISION_HINT")


def test_exported_models_do_not_train(classifier_file):
    model = load_exported(classifier_file)
    assert not model.training
    assert model.eval() is model
    with pytest.raises(UserError, match="cannot be trained"):
        model.train()
    with pytest.raises(UserError, match="exported file already"):
        model.export_graph()


def test_foreign_file(tmp_path):
    image = ops.parameter([1, 8, 8, 3], ov.Type.u8)
    ov.save_model(ov.Model([ops.convert(image, "f32")], [image]), tmp_path / "other.xml")
    with pytest.raises(UserError, match=r"other\.xml was not exported by OTX.*Give a file that `otx export` wrote"):
        load_exported(tmp_path / "other.xml")


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"there is no exported model .*model\.xml"):
        load_exported(tmp_path / "model.xml")


def test_missing_weights(classifier_file):
    classifier_file.with_suffix(".bin").unlink()
    with pytest.raises(UserError, match=r"no weights beside it: expected model\.bin"):
        load_exported(classifier_file)


def test_wrong_suffix(tmp_path):
    with pytest.raises(UserError, match=r"expected an exported model \(\.xml or \.onnx\), got .*best\.safetensors"):
        load_exported(tmp_path / "best.safetensors")


@pytest.mark.parametrize("name", ["model.xml", "model.onnx"])
def test_damaged_file(tmp_path, name):
    (tmp_path / name).write_text("not a model")
    (tmp_path / "model.bin").touch()
    with pytest.raises(UserError, match=f"OpenVINO cannot read .*{name}"):
        load_exported(tmp_path / name)


def test_unknown_device(classifier_file):
    with pytest.raises(UserError, match="cannot run the model on device 'TPU'"):
        load_exported(classifier_file, device="TPU")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "KeyError: 'labels'"),
        ({"labels": "cat dog"}, "JSONDecodeError"),
        ({"labels": '{"names": []}'}, "at least one label"),
        ({"input_spec": '{"height": 32, "width": 48, "resize": "stretch", "depth": 1}'}, "unknown key.*depth"),
        ({"input_spec": "[1, 2]"}, "TypeError"),
        ({"score_threshold": "high"}, "ValueError"),
        ({"decode": '{"nms_iou": 0.5}'}, r"decode settings \['nms_iou'\], but MULTI_CLASS_CLS takes \[\]"),
    ],
)
def test_metadata_that_makes_no_sense(tmp_path, write, changes, message):
    path = write(tmp_path / "model.xml", **changes)
    with pytest.raises(UserError, match=message):
        load_exported(path)


def test_a_file_names_a_task_and_never_a_class(tmp_path, write):
    path = write(tmp_path / "model.xml", task="os:system")
    with pytest.raises(UserError, match="unknown task 'os:system'"):
        load_exported(path)
