"""Thresholds and scale travel from validation to predictions, records, checkpoints and boxes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType
from otx.tasks import task_spec
from otx.tasks.anomaly.entity import (
    LABELS,
    AnomalyBatchDataEntity,
    AnomalyDataEntity,
    AnomalyDetBatchDataEntity,
)
from otx.tasks.anomaly.metric import AnomalyClassificationMetric, AnomalySegmentationMetric
from otx.tasks.anomaly.model import OTXAnomalyModel

SPEC = InputSpec(height=32, width=32, mean=(0.0,) * 3, std=(1.0,) * 3)


class Redness(OTXAnomalyModel):
    """How red each pixel is, on an odd scale."""

    unit = 1e-5

    def create_model(self):
        return nn.Identity()

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}

    def anomaly_map(self, outputs):
        return outputs[:, :1] * self.unit + 3 * self.unit


def batch_of(count=8, size=(32, 32), batch=AnomalyBatchDataEntity, **info):
    """Every other image has a red square on a ground of changing darkness."""
    samples = []
    for index in range(count):
        image = torch.full((3, 32, 32), 10 * index, dtype=torch.uint8)
        mask = torch.zeros(32, 32, dtype=torch.uint8)
        if index % 2:
            mask[8:16, 4:20] = 1
            image[0][mask > 0] = 200
        samples.append(
            AnomalyDataEntity(
                image=tv_tensors.Image(image),
                img_info=ImageInfo(path=f"{index}.png", height=size[0], width=size[1], **info),
                label=torch.tensor(index % 2),
                mask=tv_tensors.Mask(mask),
                defect="red" if index % 2 else "",
            )
        )
    return batch.collate(samples)


def validated(model, metric=AnomalySegmentationMetric):
    measure, truth = metric(LABELS), batch_of()
    measure.update(model.eval()(truth), truth)
    result = measure.compute()
    model.adopt_validation(result)
    return result


def test_half_is_the_threshold_after_validation():
    model = Redness(LABELS, SPEC)
    assert validated(model).values["image_auroc"] == 1.0
    prediction = model(batch_of())
    assert torch.equal(prediction.labels, batch_of().labels)
    assert torch.equal(prediction.masks, batch_of().masks)
    assert 0.9 < prediction.anomaly_maps.max() - prediction.anomaly_maps.min() < 1.1
    before = model.decode_settings()
    again = validated(model)
    assert again.values["score_range"] == pytest.approx(1.0, abs=1e-4)
    assert again.values["image_threshold"] == pytest.approx(0.5, abs=1e-4)
    assert model.decode_settings() == pytest.approx(before, rel=1e-3)


def test_without_masks_pixels_have_the_threshold_of_images():
    model = Redness(LABELS, SPEC)
    validated(model, AnomalyClassificationMetric)
    settings = model.decode_settings()
    assert settings["pixel_threshold"] == settings["image_threshold"] == pytest.approx(3.58e-5, rel=0.2)


def test_what_was_found_is_in_the_state():
    model, twin = Redness(LABELS, SPEC), Redness(LABELS, SPEC)
    validated(model)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin.eval()(batch_of()).scores, model(batch_of()).scores)


def test_records_have_both_labels_and_a_map_of_the_size_of_the_image():
    model = Redness(LABELS, SPEC)
    validated(model)
    batch = batch_of(2, size=(16, 64), scale=(0.5, 2.0))
    normal, bad = model(batch).records(LABELS, model.threshold)
    assert [entry["label"] for entry in normal["labels"]] == ["Normal", "Anomalous"]
    assert [entry["label"] for entry in bad["labels"]] == ["Anomalous", "Normal"]
    assert sum(entry["score"] for entry in bad["labels"]) == pytest.approx(1.0)
    assert bad["anomaly_map"].shape == (16, 64)
    assert bad["anomaly_map"].dtype == np.uint8
    assert bad["anomaly_map"][6, 20] > 127 > bad["anomaly_map"][12, 20]
    json.dumps(bad["labels"])
    (_, strict) = model(batch).records(LABELS, 1.0 + 1e-6)
    assert strict["labels"][0]["label"] == "Normal"
    truth = batch.truth_records(LABELS)
    assert [record["labels"] for record in truth] == [[{"label": "Normal"}], [{"label": "Anomalous"}]]
    assert truth[1]["anomaly_map"][6, 20] == 255
    assert not truth[0]["anomaly_map"].any()


def test_boxes_go_around_the_parts_above_the_threshold():
    model = Redness(LABELS, SPEC)
    model.task = OTXTaskType.ANOMALY_DETECTION
    validated(model)
    batch = batch_of(2, size=(16, 64), scale=(0.5, 2.0), batch=AnomalyDetBatchDataEntity)
    prediction = model(batch)
    assert isinstance(prediction, task_spec(model.task).load("prediction"))
    normal, bad = prediction.records(LABELS, 0.5)
    assert normal["objects"] == []
    (found,), (true,) = bad["objects"], batch.truth_records(LABELS)[1]["objects"]
    assert found["bbox"] == true["bbox"] == [8.0, 4.0, 40.0, 8.0]
    assert found["score"] > 0.5
    assert prediction.records(LABELS, 1.5)[1]["objects"] == []


def test_sample_must_have_a_mask_of_its_image():
    with pytest.raises(ValueError, match="expected one label and a mask of"):
        AnomalyDataEntity(
            image=tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8)),
            img_info=ImageInfo(height=8, width=8),
            label=torch.tensor(0),
            mask=tv_tensors.Mask(torch.zeros(8, 9, dtype=torch.uint8)),
            defect="",
        )
