"""Figures are those of pycocotools, for masks and for boxes, on outlines as they were annotated."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import Rle, boxes_of, from_pixels
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity, InstanceSegBatchPredEntity
from otx.tasks.instance_segmentation.metric import InstanceSegMetric

LABELS = LabelInfo(("cat", "dog", "emu", "fox"))
SIZE = (60, 80)
Rows = list[tuple[Rle, int, float]]


def disc(x: float, y: float, radius: float) -> Rle:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return from_pixels((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def scene(rng: np.random.Generator) -> tuple[Rows, Rows]:
    truths, found = [], []
    for _ in range(rng.integers(0, 5)):
        x, y, radius, label = rng.uniform(10, 70), rng.uniform(10, 50), rng.uniform(4, 15), int(rng.integers(3))
        truths.append((disc(x, y, radius), label, 0.0))
        for _ in range(rng.integers(0, 3)):
            dx, dy, dr = rng.normal(0, radius / 6, 3)
            found.append((disc(x + dx, y + dy, radius + dr), label, round(float(rng.random()), 2)))
    found += [(disc(*rng.uniform(10, 50, 2), 6), int(rng.integers(4)), float(rng.random())) for _ in range(2)]
    return found, truths


def add(metric: InstanceSegMetric, found: Rows, truths: Rows) -> None:
    def fields(rows: Rows) -> dict[str, Any]:
        rles = [rle for rle, _, _ in rows]
        boxes = torch.tensor(boxes_of(rles), dtype=torch.float32).reshape(-1, 4)
        return {
            "images": torch.zeros(1, 3, *SIZE),
            "imgs_info": [ImageInfo(height=SIZE[0], width=SIZE[1])],
            "bboxes": [tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=SIZE)],
            "labels": [torch.tensor([label for _, label, _ in rows], dtype=torch.int64)],
            "masks": [tv_tensors.Mask(torch.zeros(len(rows), 28, 28))],
            "rles": [rles],
        }

    scores = [torch.tensor([score for _, _, score in found], dtype=torch.float64)]
    metric.update(
        InstanceSegBatchPredEntity(**fields(found), scores=scores), InstanceSegBatchDataEntity(**fields(truths))
    )


def by_pycocotools(scenes: list[tuple[Rows, Rows]], kind: str) -> Any:
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")

    def entries(which: int) -> list[dict[str, Any]]:
        flat = [(image, *row) for image, one in enumerate(scenes, 1) for row in one[which]]
        found = []
        for number, (image, rle, label, score) in enumerate(flat, 1):
            x1, y1, x2, y2 = boxes_of([rle])[0].tolist()
            found.append({"id": number, "image_id": image, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1],
                          "segmentation": dict(rle), "area": 100, "iscrowd": 0, "score": score})  # fmt: skip
        return found

    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": image, "height": SIZE[0], "width": SIZE[1]} for image in range(1, len(scenes) + 1)],
            "categories": [{"id": index, "name": name} for index, name in enumerate(LABELS.names)],
            "annotations": entries(1),
        }
        truth.createIndex()
        judge = evaluation.COCOeval(truth, truth.loadRes(entries(0)), kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[:3].tolist()


def test_figures_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(3)
    scenes = [scene(rng) for _ in range(40)]
    metric = InstanceSegMetric(LABELS)
    for found, truths in scenes:
        add(metric, found, truths)
    result = metric.compute()
    masks, boxes = by_pycocotools(scenes, "segm"), by_pycocotools(scenes, "bbox")
    assert 0.1 < masks[0] < 0.9
    names = ["map", "map_50", "map_75"]
    assert [result.values[name] for name in names] == pytest.approx(masks, abs=1e-6)
    assert [result.values[f"bbox_{name}"] for name in names] == pytest.approx(boxes, abs=1e-6)
    assert set(result.per_class) == {"cat", "dog", "emu"}  # no true fox
    assert set(result.per_class["cat"]) == {"ap", "ap_50", "bbox_ap", "bbox_ap_50"}
    json.dumps([result.values, result.per_class, result.curves], allow_nan=False)


def test_masks_decide_where_boxes_agree() -> None:
    square = np.zeros(SIZE)
    square[10:30, 10:30] = 1
    cross = square.copy()
    cross[10:19, 10:19] = cross[21:30, 21:30] = cross[10:19, 21:30] = cross[21:30, 10:19] = 0
    metric = InstanceSegMetric(LABELS)
    add(metric, [(from_pixels(cross), 0, 0.8)], [(from_pixels(square), 0, 0.0)])
    values = metric.compute().values
    assert values["bbox_map"] == pytest.approx(1.0)
    assert values["map"] == values["f1"] == 0.0
    metric.reset()
    add(metric, [(from_pixels(square), 0, 0.8)], [(from_pixels(square), 0, 0.0)])
    assert metric.compute().values["f1"] == metric.compute().values["map"] == pytest.approx(1.0)
