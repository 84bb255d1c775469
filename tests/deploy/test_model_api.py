"""The public openvino-model-api package runs exported files and gives our results, with no code of ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.deploy.conftest import COLOURS, ColourNet
from tests.tasks.hierarchical_classification.trees import TREE
from torch import nn

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.masks import from_pixels, overlaps
from otx.deploy.export import export
from otx.deploy.metadata import sections
from otx.runtime.openvino_core import openvino_core
from otx.tasks.anomaly.entity import LABELS, AnomalyDetBatchDataEntity
from otx.tasks.anomaly.model import OTXAnomalyModel
from otx.tasks.hierarchical_classification.model import OTXHLabelClsModel
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity
from otx.tasks.instance_segmentation.model import OTXInstanceSegModel
from otx.tasks.multi_label_classification.model import OTXMultiLabelClsModel

pytest.importorskip("model_api")

from model_api.adapters import OpenvinoAdapter
from model_api.models import Model

SPEC = InputSpec(height=64, width=96)
FILES = ["model.xml", "model.onnx"]


def opened(path):
    """With f32 arithmetic: by itself OpenVINO takes bf16 where the CPU has it, and scores differ in the third place."""
    return Model.create_model(
        OpenvinoAdapter(openvino_core(), str(path), device="CPU", plugin_config={"INFERENCE_PRECISION_HINT": "f32"})
    )


def picture(batch, index=0):
    return np.ascontiguousarray(batch.images[index].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("name", FILES)
def test_create_model_needs_only_the_path(tmp_path, classifier, detector, images_of_colours, images_of_squares, name):
    model = Model.create_model(str(export(classifier, tmp_path / "cls" / name)))
    assert [model(picture(images_of_colours, i)).top_labels[0].name for i in range(3)] == [
        "red",
        "very_green",
        "blue_<é>",
    ]
    model = Model.create_model(str(export(detector, tmp_path / "det" / name)))
    assert sorted(model(picture(images_of_squares)).label_names) == ["blue_<é>", "red", "very_green"]


@pytest.mark.parametrize("name", FILES)
def test_classification_scores(tmp_path, classifier, images_of_colours, name):
    model = opened(export(classifier, tmp_path / name))
    ours = classifier.eval()(images_of_colours)
    for index in range(images_of_colours.batch_size):
        result = model(picture(images_of_colours, index))
        assert result.top_labels[0].id == int(ours.labels[index])
        assert result.top_labels[0].confidence == pytest.approx(ours.scores[index].max().item(), abs=1e-3)
        np.testing.assert_allclose(result.raw_scores, ours.scores[index].detach().numpy(), atol=1e-3)


class Dominant:
    """Names colours by their share; mixed with the model base of a task."""

    def create_model(self):
        return (
            ColourNet(3)
            if len(self.label_info) == 3
            else nn.Sequential(ColourNet(3), nn.Linear(3, len(self.label_info)))
        )

    def customize_inputs(self, batch):
        return {"x" if len(self.label_info) == 3 else "input": self.normalize(batch.images)}


class ColoursPresent(Dominant, OTXMultiLabelClsModel):
    pass


class ColourTree(Dominant, OTXHLabelClsModel):
    pass


@pytest.mark.parametrize("name", FILES)
def test_several_labels_each_from_its_own_threshold_on(tmp_path, images_of_colours, name):
    model = ColoursPresent(COLOURS, SPEC).eval()
    model.thresholds.copy_(torch.tensor([0.3, 0.7, 0.05]))
    theirs = opened(export(model, tmp_path / name))
    batch = model.batch_type.of_images(images_of_colours.images)
    batch.imgs_info = images_of_colours.imgs_info
    records = model(batch).records(model.label_info, model.threshold)
    assert len({len(record["labels"]) for record in records}) > 1
    for index, record in enumerate(records):
        result = theirs(picture(images_of_colours, index))
        ours = {"_".join(entry["label"].split()): entry["score"] for entry in record["labels"]}
        assert {label.name: label.confidence for label in result.top_labels} == pytest.approx(ours, abs=1e-3)


@pytest.mark.parametrize("name", FILES)
def test_paths_through_a_tree(tmp_path, images_of_colours, name):
    torch.manual_seed(0)
    model = ColourTree(TREE, SPEC).eval()
    torch.nn.init.normal_(model.model[1].weight)
    theirs = opened(export(model, tmp_path / name))
    batch = model.batch_type.of_images(images_of_colours.images)
    batch.imgs_info = images_of_colours.imgs_info
    records = model(batch).records(TREE, 0.0)
    assert len({tuple(entry["label"] for entry in record["labels"]) for record in records}) > 1
    for index, record in enumerate(records):
        result = theirs(picture(images_of_colours, index))
        ours = {entry["label"]: entry["score"] for entry in record["labels"]}
        assert {label.name: label.confidence for label in result.top_labels} == pytest.approx(ours, abs=1e-3)
        assert all(TREE.names[label.id] == label.name for label in result.top_labels)


def assert_same_detections(result, ours, tolerance):
    """Every detection of theirs is one of ours, and the other way round."""
    assert len(result.scores) == len(ours["objects"])
    left = list(ours["objects"])
    for name, score, box in zip(result.label_names, result.scores, result.bboxes, strict=True):
        twin = min(left, key=lambda entry: np.abs(np.array(entry["bbox"]) - box).max())
        assert name == "_".join(twin["label"].split())
        assert score == pytest.approx(twin["score"], abs=1e-3)
        np.testing.assert_allclose(box, twin["bbox"], atol=tolerance)
        left.remove(twin)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("resize", list(ResizeMode))
def test_detections_at_model_size(tmp_path, detector, images_of_squares, name, resize):
    detector.input_spec = InputSpec(height=64, width=96, resize=resize)
    model = opened(export(detector, tmp_path / name))
    ours = detector.eval()(images_of_squares).records(detector.label_info, detector.threshold)
    for index, record in enumerate(ours):
        assert len(record["objects"]) == 3
        assert_same_detections(model(picture(images_of_squares, index)), record, 0.51)


@pytest.mark.parametrize("resize", [ResizeMode.STRETCH, ResizeMode.LETTERBOX])
def test_detections_at_natural_size(tmp_path, detector, images_of_squares, resize):
    """An image of another size and shape: their resize is close to ours, and boxes come back in its pixels."""
    detector.input_spec = InputSpec(height=64, width=96, resize=resize)
    model = opened(export(detector, tmp_path / "model.xml"))
    small = picture(images_of_squares)
    large = small.repeat(4, axis=0).repeat(4 if resize is ResizeMode.LETTERBOX else 2, axis=1)
    large = large[:200] if resize is ResizeMode.LETTERBOX else large
    height, width = large.shape[:2]
    images = images_of_squares.images[:1].clone()
    scale = (96 / width, 64 / height)
    if resize is ResizeMode.LETTERBOX:
        images[..., 50:, :] = 114
        scale = (0.25, 0.25)
    batch = type(images_of_squares)(
        images=images,
        imgs_info=[ImageInfo(height=height, width=width, scale=scale)],
        bboxes=images_of_squares.bboxes[:1],
        labels=images_of_squares.labels[:1],
    )
    (record,) = detector.eval()(batch).records(detector.label_info, detector.threshold)
    result = model(large)
    assert len(record["objects"]) >= 2
    assert sorted(result.label_names) == sorted("_".join(entry["label"].split()) for entry in record["objects"])
    for label, box in zip(result.label_names, result.bboxes, strict=True):
        twins = [entry["bbox"] for entry in record["objects"] if "_".join(entry["label"].split()) == label]
        assert min(np.abs(np.array(twin) - box).max() for twin in twins) <= 1


@pytest.mark.parametrize("name", FILES)
def test_masks_of_classes(tmp_path, segmenter, images_of_squares, name):
    model = opened(export(segmenter, tmp_path / name))
    ours = segmenter.eval().export_graph()(images_of_squares.images.float())["logits"].argmax(dim=1)
    for index, expected in enumerate(ours.numpy()):
        image = picture(images_of_squares, index)
        np.testing.assert_array_equal(model(image).resultImage, expected)
        large = model(image.repeat(3, axis=0).repeat(3, axis=1)).resultImage
        assert large.shape == (3 * SPEC.height, 3 * SPEC.width)
        assert (large == expected.repeat(3, axis=0).repeat(3, axis=1)).mean() > 0.9


def test_suppression_is_asked_for_only_where_the_model_needs_it(tmp_path, detector, images_of_squares):
    class Twice(type(detector)):
        nms_iou = None

        def raw_outputs(self, outputs, images):
            raw = super().raw_outputs(outputs, images)
            return {key: torch.cat([value, value], dim=1) for key, value in raw.items()}

    doubled = Twice(detector.label_info, detector.input_spec)
    doubled.score_threshold.fill_(0.35)
    assert len(opened(export(doubled, tmp_path / "twice.xml"))(picture(images_of_squares)).scores) == 6
    doubled.nms_iou = 0.5
    assert len(opened(export(doubled, tmp_path / "once.xml"))(picture(images_of_squares)).scores) == 3


@pytest.mark.parametrize(
    ("resize", "size", "expected"),
    [
        (ResizeMode.STRETCH, (64, 96), "standard"),
        (ResizeMode.LETTERBOX, (64, 96), "fit_to_window"),
        (ResizeMode.CENTER_CROP, (64, 64), "crop"),
        (ResizeMode.CENTER_CROP, (64, 96), "standard"),
    ],
)
def test_resize_rule(classifier, resize, size, expected):
    classifier.input_spec = InputSpec(height=size[0], width=size[1], resize=resize)
    assert sections(classifier)["model_info"]["resize_type"] == expected


class TwoSquares(OTXInstanceSegModel):
    """Finds the same two objects in each image: the first is the left half of its box, the second a disc."""

    def create_model(self):
        return torch.nn.Conv2d(3, 1, 1)

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}

    def losses(self, outputs, batch):
        return {}

    def raw_outputs(self, outputs, images):
        nothing = outputs.mean(dim=(1, 2, 3)) * 0
        rows, columns = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
        masks = torch.stack([columns < 14, (rows - 13.5) ** 2 + (columns - 13.5) ** 2 < 160]).float()
        boxes = torch.tensor([[10.0, 8, 50, 40, 0.9], [40, 20, 88, 60, 0.6]])
        return {
            "boxes": boxes + nothing[:, None, None],
            "labels": torch.tensor([0, 2]) + nothing[:, None].long(),
            "masks": masks * 0.95 + nothing[:, None, None, None],
        }


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("alone", [True, False])
def test_masks(tmp_path, detector, images_of_squares, name, alone):
    """Theirs end half a cell earlier where an object touches the edge of its box, and boxes are whole pixels."""
    model = TwoSquares(detector.label_info, InputSpec(height=64, width=96))
    model.exports_batch_of_one = alone
    result = opened(export(model, tmp_path / name))(picture(images_of_squares))
    found = model.eval()(
        InstanceSegBatchDataEntity(
            images=images_of_squares.images[:1],
            imgs_info=images_of_squares.imgs_info[:1],
            bboxes=[], labels=[], masks=[], rles=[],
        )
    )  # fmt: skip
    assert result.label_names == ["red", "blue_<é>"]
    np.testing.assert_allclose(result.scores, found.scores[0].detach(), atol=1e-4)
    np.testing.assert_array_equal(result.bboxes, found.bboxes[0].detach())
    theirs = [from_pixels(mask) for mask in result.masks]
    assert overlaps(theirs, found.rles[0]).diagonal().min() > 0.93


class Redness(OTXAnomalyModel):
    """How red each pixel is, on a scale of its own."""

    def create_model(self):
        network = torch.nn.Conv2d(3, 1, 1, bias=False)
        network.weight.data = torch.tensor([3.0, -1, -1]).view(1, 3, 1, 1)
        return network

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}

    def anomaly_map(self, outputs):
        return outputs


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("task", ["ANOMALY_CLASSIFICATION", "ANOMALY_SEGMENTATION", "ANOMALY_DETECTION"])
def test_anomalies(tmp_path, images_of_squares, name, task):
    model = Redness(LABELS, SPEC)
    model.task = task
    model.image_threshold.fill_(4.0)
    model.pixel_threshold.fill_(3.0)
    model.normalization_scale.fill_(8.0)
    images = torch.stack([images_of_squares.images[0], images_of_squares.images[0].clamp(max=120)])
    batch = AnomalyDetBatchDataEntity(
        images=images,
        imgs_info=images_of_squares.imgs_info[:2],
        labels=torch.zeros(2),
        masks=torch.zeros(2, *SPEC.size),
        defects=["", ""],
    )
    theirs = opened(export(model, tmp_path / name))
    records = model.eval()(batch).records(LABELS, 0.5)
    for index, verdict in enumerate(("Anomalous", "Normal")):
        result = theirs(picture(batch, index))
        assert result.pred_label == verdict == records[index]["labels"][0]["label"]
        assert result.pred_score == pytest.approx(records[index]["labels"][0]["score"], abs=1e-3)
        np.testing.assert_allclose(result.anomaly_map, records[index]["anomaly_map"], atol=1)
        np.testing.assert_array_equal(result.pred_mask, records[index]["anomaly_map"] > 127)
        if task == "ANOMALY_DETECTION":
            boxes = [entry["bbox"] for entry in records[index]["objects"]]
            assert sorted(result.pred_boxes.tolist()) == sorted(boxes)
