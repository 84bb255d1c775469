"""From annotations to rotated boxes, masks for the model, predictions, records, figures and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import datumaro as dm
import numpy as np
import pytest
import torch
from datumaro.components.annotation import RotatedBbox
from PIL import Image
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.label_info import LabelInfo
from otx.core.rotated_boxes import overlaps
from otx.data.source import open_source
from otx.tasks.rotated_detection.decode import decode
from otx.tasks.rotated_detection.demo import write_demo
from otx.tasks.rotated_detection.draw import draw
from otx.tasks.rotated_detection.entity import RotatedDetBatchDataEntity, RotatedDetDataEntity
from otx.tasks.rotated_detection.metric import RotatedDetMetric
from otx.tasks.rotated_detection.reader import RotatedDetAnnotation, RotatedDetReader
from otx.transforms.fit import FitToInput

LABELS = LabelInfo(("car", "ship"))
SIZE = (80, 120)
TURNED = cv2.boxPoints(((60, 40), (50, 14), 30))


def read(*annotations: Any) -> tuple[RotatedDetAnnotation, list[str]]:
    told: list[str] = []
    item = dm.DatasetItem(id="a", annotations=list(annotations))
    return RotatedDetReader().annotation(item, LABELS, SIZE, told.append), told


def same(corners: np.ndarray, expected: np.ndarray) -> float:
    return float(overlaps(corners[None], expected[None])[0, 0])


def sample(*annotations: Any) -> RotatedDetDataEntity:
    image = tv_tensors.Image(torch.zeros(3, *SIZE, dtype=torch.uint8))
    info = ImageInfo(path="a.jpg", height=SIZE[0], width=SIZE[1])
    return RotatedDetReader().entity(image, info, read(*annotations)[0])


def test_every_outline_becomes_the_rectangle_around_it() -> None:
    pixels = cv2.fillConvexPoly(np.zeros(SIZE, np.uint8), TURNED.round().astype(int), 1)
    found, told = read(
        RotatedBbox(60, 40, 50, 14, 30, label=0),
        dm.Polygon(TURNED.ravel().tolist(), label=1, group=3),
        dm.Bbox(30, 20, 60, 40, label=1, group=3),
        dm.Mask(pixels, label=1),
    )
    assert told == []
    assert found.labels.tolist() == [0, 1, 1]
    assert [same(corners, TURNED) > bound for corners, bound in zip(found.corners, (0.999, 0.999, 0.85), strict=True)]
    found, told = read(dm.Bbox(10, 20, 30, 40, label=1))
    assert told == ["upright box read as a rotated one"]
    assert sorted(found.corners[0].tolist()) == [[10, 20], [10, 60], [40, 20], [40, 60]]


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (RotatedBbox(60, 40, 50, 14, 30, label=None), "object without a label left out"),
        (RotatedBbox(300, 40, 50, 14, 30, label=0), "empty box dropped"),
        (dm.Mask(np.zeros(SIZE), label=0), "empty box dropped"),
        (dm.Polygon([1, 1, float("nan"), 2, 5, 5], label=0), "box with a coordinate that is no number dropped"),
        (dm.Polygon([1, 1, 9, 2, 5, 5], label=0, attributes={"is_crowd": True}), "crowd region left out"),
        (dm.Label(0), "annotation without a box ignored: label"),
    ],
)
def test_what_cannot_be_used_is_told(annotation: Any, told: str) -> None:
    found, reports = read(annotation)
    assert len(found.corners) == 0
    assert reports == [told]


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_the_way_to_the_model_and_back(mode: ResizeMode) -> None:
    """Drawn as a mask in the model's input and read from it again, a box is where it was; the metric agrees."""
    fitted = FitToInput(InputSpec(height=160, width=160, resize=mode))(sample(RotatedBbox(60, 40, 50, 14, 30, label=1)))
    batch = RotatedDetBatchDataEntity.collate([fitted])
    masked = batch.with_masks()
    (box,), (mask,) = masked.bboxes[0].tolist(), masked.masks[0].float()
    left, top, right, bottom = (round(edge) for edge in box)
    small = torch.nn.functional.interpolate(mask[None, None, top:bottom, left:right], size=(28, 28), mode="area")
    raw = {
        "boxes": torch.tensor([[[0, 0, 0, 0, 0.0], [*box, 0.6], [*box, 0.9]]]),
        "labels": torch.tensor([[0, 1, 1]]),
        "masks": small.expand(1, 3, 28, 28),
    }
    found = decode(raw, batch.images, batch.imgs_info, rotated_nms_iou=0.3, max_detections=5)
    assert found.scores[0].tolist() == pytest.approx([0.9])
    assert same(found.corners[0][0].numpy(), TURNED) > 0.85
    metric = RotatedDetMetric(LABELS)
    metric.update(found, batch)
    values = metric.compute().values
    assert values["map_75"] == values["f1"] == pytest.approx(1.0)
    assert 0.6 < values["map"] <= 1.0
    (truth,), (record,) = batch.truth_records(LABELS), found.records(LABELS, 0.5)
    assert same(np.reshape(truth["objects"][0]["polygon"], (4, 2)), TURNED) > 0.999
    assert json.loads(json.dumps(record))["objects"][0].keys() == {"label", "bbox", "polygon", "score"}
    assert found.records(LABELS, 0.95)[0]["objects"] == []


def test_an_upright_twin_is_no_hit() -> None:
    batch = RotatedDetBatchDataEntity.collate([sample(RotatedBbox(60, 40, 60, 10, 45, label=1))])
    raw = {
        "boxes": torch.tensor([[[*batch.bboxes[0][0].tolist(), 0.9]]]),
        "labels": torch.tensor([[1]]),
        "masks": torch.ones(1, 1, 28, 28),
    }
    metric = RotatedDetMetric(LABELS)
    metric.update(decode(raw, batch.images, batch.imgs_info, rotated_nms_iou=0.3, max_detections=5), batch)
    assert metric.compute().values["map_50"] == 0.0


def test_a_sample_must_fit_together() -> None:
    good = sample(RotatedBbox(60, 40, 50, 14, 30, label=1))
    with pytest.raises(ValueError, match=r"\(1, 4\), \(1, 4, 2\) and \(0,\) for a.jpg"):
        RotatedDetDataEntity(good.image, good.img_info, good.bboxes, good.corners, good.labels[:0])


def test_boxes_are_drawn_along_their_sides() -> None:
    (record,) = RotatedDetBatchDataEntity.collate([sample(RotatedBbox(60, 40, 50, 14, 30, label=1))]).truth_records(
        LABELS
    )
    pixels = np.asarray(draw(Image.new("RGB", SIZE[::-1], "white"), record, LABELS))
    factor = pixels.shape[0] / SIZE[0]
    middle = ((TURNED[0] + TURNED[1]) / 2 * factor).round().astype(int)
    assert (pixels[middle[1] - 2 : middle[1] + 3, middle[0] - 2 : middle[0] + 3] < 255).any()
    assert (pixels[-5:, -5:] == 255).all()


def test_the_demonstration_set_is_found_for_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.tasks.rotated_detection.demo.IMAGES", {"train": 12, "val": 2, "test": 2})
    write_demo(tmp_path / "one")
    write_demo(tmp_path / "two")
    source = open_source(tmp_path / "one")
    assert source.format == "dota"
    slanted = [one.points[4] % 90 for item in source.subsets["train"] for one in item.annotations]
    assert np.std(slanted) > 10
    texts = [sorted(path.read_text() for path in (tmp_path / name).rglob("*.txt")) for name in ("one", "two")]
    assert texts[0] == texts[1]
