"""Pictures show what the records say, for any task's `draw`."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import encode_rle
from otx.data.frames import Frame
from otx.report.pictures import (
    GAP,
    TILE,
    Draw,
    write_batch,
    write_comparison,
    write_sheet,
)
from otx.report.predictions import THREADS, write_predictions
from otx.tasks import task_specs
from otx.tasks.detection.draw import draw
from otx.tasks.detection.entity import DetBatchDataEntity

LABELS = LabelInfo(("cat", "dog"))


def picture(path: Path, width: int = 64, height: int = 48) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 128, dtype=np.uint8)).save(path)
    return path


def record(path: Path, label: str = "dog", **more: Any) -> dict[str, Any]:
    """A record that has what any task looks for."""
    inside = np.zeros((48, 64))
    inside[10:40, 10:40] = 1
    found = {"label": label, "score": 0.9, "bbox": [10, 10, 40, 40], "keypoints": [[20, 20, 0.9]]}
    found |= {"mask": encode_rle(inside), "area": 900, "polygon": [10, 10, 40, 10, 40, 40, 10, 40]}
    found |= {"prompt": {"bbox": [10, 10, 40, 40]}}
    whole = {"objects": [found], "labels": [found], "anomaly_map": (inside * 255).astype(np.uint8)}
    return {"image": str(path), "width": 64, "height": 48} | whole | more


def draw_all(records: list[dict[str, Any]], folder: Path, draw: Draw) -> list[Path]:
    """Write predictions; gives the pictures."""
    with write_predictions(folder, draw, LABELS) as writer:
        for one in records:
            writer.add(Path(one["image"]), one)
    assert json.loads((folder / "predictions.json").read_text()) == records
    return sorted(folder.glob("*.jpg"))


def differs(first: Path, second: Path) -> bool:
    return first.read_bytes() != second.read_bytes()


def test_each_record_becomes_a_picture_and_equal_names_stay_apart(tmp_path: Path) -> None:
    widths = {"a/1.png": 400, "b/1.png": 410, "1-2.png": 420, "c/1.jpg": 430}
    records = [record(picture(tmp_path / name, width, 400)) for name, width in widths.items()]
    written = draw_all(records, tmp_path / "out", draw)
    assert {path.name: Image.open(path).width for path in written} == {
        "1.jpg": 400, "1-2.jpg": 410, "1-2-2.jpg": 420, "1-3.jpg": 430,
    }  # fmt: skip
    assert all(Image.open(path).format == "JPEG" for path in written)


def test_many_pictures_are_all_drawn_and_one_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    records = [record(picture(tmp_path / f"{index}.png")) for index in range(4 * THREADS + 3)]
    assert len(draw_all(records, tmp_path / "out", draw)) == len(records)
    records[1]["objects"][0]["label"] = "bird"
    with pytest.raises(ValueError, match="not in tuple"):
        draw_all(records, tmp_path / "broken", draw)
    assert not (tmp_path / "broken/predictions.json").exists()


def test_without_pictures_there_are_only_the_records(tmp_path: Path) -> None:
    source, out = picture(tmp_path / "1.png"), tmp_path / "out"
    frame = Frame("a.mp4", 0, Fraction(10), np.zeros((48, 64, 3), np.uint8))
    with write_predictions(out, draw, LABELS, pictures=False) as writer:
        for medium in (source, frame, source):
            writer.add(medium, record(Path(str(medium))))
    assert {path.name for path in out.iterdir()} == {
        "predictions.json", "1_anomaly_map.png", "a_000000_anomaly_map.png", "1-2_anomaly_map.png",
    }  # fmt: skip


def test_pixels_of_a_record_become_a_file_of_the_name_of_its_picture(tmp_path: Path) -> None:
    records = [record(picture(tmp_path / name)) for name in ("a/1.png", "b/1.png")]
    pixels = records[1]["anomaly_map"]
    draw_all(records, tmp_path, draw)
    assert [one["anomaly_map"] for one in records] == [f"{tmp_path}/{name}_anomaly_map.png" for name in ("1", "1-2")]
    assert (np.asarray(Image.open(records[1]["anomaly_map"])) == pixels).all()


def test_pictures_are_turned_as_the_boxes_are(tmp_path: Path) -> None:
    source = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 600)).save(source, exif=exif)
    (written,) = draw_all([record(source, objects=[])], tmp_path / "out", draw)
    assert Image.open(written).size == (600, 400)


def test_truth_and_prediction_stand_side_by_side(tmp_path: Path) -> None:
    source = picture(tmp_path / "1.png")
    truth, prediction = record(source, "cat"), record(source, "dog")
    same = write_comparison([truth] * 3, [truth] * 3, tmp_path / "same.jpg", draw, LABELS, columns=2)
    other = write_comparison([truth] * 3, [prediction] * 3, tmp_path / "other.jpg", draw, LABELS, columns=2)
    sheet = Image.open(other)
    assert sheet.width == 4 * (TILE + GAP) + GAP
    assert sheet.height < sheet.width
    assert differs(same, other)
    with pytest.raises(ValueError, match="zip"):
        write_comparison([truth], [], tmp_path / "odd.jpg", draw, LABELS)


def test_a_batch_is_drawn_as_the_model_gets_it(tmp_path: Path) -> None:
    images = torch.full((3, 3, 96, 96), 90, dtype=torch.uint8)
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[20.0, 20, 70, 70]]), format="XYXY", canvas_size=(96, 96))
    infos = [ImageInfo(path=f"{n}.png", height=480, width=480, scale=(0.2, 0.2), offset=(3, 5)) for n in range(3)]
    batch = DetBatchDataEntity(images=images, imgs_info=infos, bboxes=[boxes] * 3, labels=[torch.tensor([1])] * 3)
    moved = [ImageInfo(path="", height=1, width=1, scale=(9.0, 9.0), offset=(50, 50)) for _ in range(3)]
    other = DetBatchDataEntity(images=images, imgs_info=moved, bboxes=[boxes] * 3, labels=[torch.tensor([1])] * 3)
    first = write_batch(batch, tmp_path / "batch.jpg", draw, LABELS, columns=2)
    second = write_batch(other, tmp_path / "other.jpg", draw, LABELS, columns=2)
    assert Image.open(first).size == (2 * (TILE + GAP) + GAP, 2 * (TILE + GAP) + GAP)
    assert not differs(first, second), "where the image came from must not move boxes that are drawn on the input"
    fewer = write_batch(batch, tmp_path / "two.jpg", draw, LABELS, columns=2, most=2)
    assert Image.open(fewer).height == TILE + 2 * GAP


@pytest.mark.parametrize("task", task_specs())
def test_every_task_draws_its_records(tmp_path: Path, task: str) -> None:
    spec = task_specs()[task]  # type: ignore[index] - the parameter is a key
    source = picture(tmp_path / "1.png")
    (drawn,) = draw_all([record(source)], tmp_path / "out", spec.load("draw"))
    (empty,) = draw_all([record(source, objects=[], labels=[])], tmp_path / "no", spec.load("draw"))
    assert differs(drawn, empty)


def test_a_sheet_holds_pictures_of_any_shape(tmp_path: Path) -> None:
    shapes = [(100, 50), (50, 1000), (3000, 20), (1, 1)]
    sheet = Image.open(write_sheet([Image.new("RGB", shape) for shape in shapes], tmp_path / "s.jpg", columns=9))
    assert sheet.width == 4 * (TILE + GAP) + GAP
    assert sheet.height == 2 * TILE + 2 * GAP
