"""Pictures show heat for predictions, an outline for both, and the verdict's colour."""

from __future__ import annotations

import numpy as np
from PIL import Image

from otx.core.label_info import LabelInfo
from otx.tasks.anomaly.demo import write_demo
from otx.tasks.anomaly.draw import BAD, GOOD, draw

LABELS = LabelInfo(("Normal", "Anomalous"))


def record_of(label, *, score=None, hot=True):
    heat = np.zeros((100, 120), np.uint8)
    heat[20:60, 30:80] = 255 if hot else 90
    labels = [{"label": label} if score is None else {"label": label, "score": score}]
    return {"image": "a.png", "width": 120, "height": 100, "labels": labels, "anomaly_map": heat}


def pixels(record):
    return np.asarray(draw(Image.new("RGB", (120, 100), (90, 90, 90)), record, LABELS), int)


def shows(picture, colour):
    return (np.abs(picture - np.array(colour)).sum(axis=2) < 12).any()


def test_heat_is_for_predictions_and_the_outline_for_both(tmp_path):
    predicted, true = pixels(record_of("Anomalous", score=0.9)), pixels(record_of("Anomalous"))
    inside = (160, 210)
    assert np.abs(predicted[inside] - 90).max() > 40
    assert np.abs(true[inside] - 90).max() == 0
    assert shows(predicted, (255, 255, 255)) == shows(true, (255, 255, 255)) == True  # noqa: E712
    assert not shows(pixels(record_of("Normal", score=0.9, hot=False))[60:], (255, 255, 255))


def test_map_may_be_in_a_file(tmp_path):
    record = record_of("Anomalous", score=0.9)
    Image.fromarray(record["anomaly_map"]).save(tmp_path / "map.png")
    assert (pixels(record | {"anomaly_map": str(tmp_path / "map.png")}) == pixels(record)).all()


def test_colour_tells_the_verdict_and_boxes_are_drawn():
    assert shows(pixels(record_of("Normal", score=0.9, hot=False)), GOOD)
    assert shows(pixels(record_of("Anomalous", score=0.9)), BAD)
    boxed = record_of("Normal", hot=False) | {"objects": [{"label": "Anomalous", "bbox": [30, 20, 80, 60]}]}
    assert shows(pixels(boxed)[60:], BAD)
    assert not shows(pixels(record_of("Normal", hot=False))[60:], BAD)


def test_demo_set_is_the_same_each_time_and_its_masks_show_the_defects(tmp_path):
    for name in ("one", "two"):
        write_demo(tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.png"))
    assert len(files) == 80 + 40 + 60 + 60
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    masks = [np.asarray(Image.open(tmp_path / "one" / file)) for file in files if "ground_truth" in file.parts]
    assert all(0 < (mask > 0).mean() < 0.3 for mask in masks)
