"""Detection metrics agree with pycocotools and survive every kind of emptiness."""

from __future__ import annotations

import contextlib
import io
import json
import time
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from otx.core.frames import to_input
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity
from otx.tasks.detection.metric import DetectionMetric

LABELS = LabelInfo(("cat", "dog", "emu", "fox"))
IMAGE = torch.zeros(1, 3, 8, 8)
INFO = ImageInfo(height=300, width=400, scale=(0.5, 0.8), offset=(3.0, 9.0))
Rows = list[tuple[list[float], int, float]]  # original XYXY, label, score


def boxes(rows: Rows) -> tv_tensors.BoundingBoxes:
    data = torch.tensor([box for box, _, _ in rows], dtype=torch.float32).reshape(-1, 4)
    return tv_tensors.BoundingBoxes(data, format="XYXY", canvas_size=(300, 400))


def add(metric: DetectionMetric, predictions: Rows, truths: Rows) -> None:
    labels = [torch.tensor([label for _, label, _ in rows], dtype=torch.int64) for rows in (predictions, truths)]
    scores = torch.tensor([score for _, _, score in predictions], dtype=torch.float32)
    in_input = tv_tensors.wrap(to_input(boxes(truths), INFO), like=boxes(truths))
    metric.update(
        DetBatchPredEntity(IMAGE, [INFO], [boxes(predictions)], [labels[0]], [scores]),
        DetBatchDataEntity(IMAGE, [INFO], [in_input], [labels[1]]),
    )


def random_scene(rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Truths of the first three classes, and predictions near some of them, with ties, doubles and strays."""

    def box() -> list[float]:
        left, top, width, height = rng.uniform(0, 200, 4)
        return [float(v) for v in (left, top, left + width + 2, min(top + height / 2 + 2, 300))]

    truths = [(box(), int(rng.integers(3)), 0.0) for _ in range(rng.integers(0, 6))]
    near = [
        ([float(v) for v in np.clip(np.array(truth) + rng.normal(0, 8, 4), 0, 300)], label, round(rng.random(), 2))
        for truth, label, _ in truths * 2
        if rng.random() < 0.8
    ]
    strays = [(box(), int(rng.integers(4)), round(rng.random() * 0.8, 2)) for _ in range(rng.integers(0, 5))]
    return [row for row in near + strays if row[0][2] > row[0][0] and row[0][3] > row[0][1]], truths


def by_pycocotools(scenes: list[tuple[Rows, Rows]]) -> tuple[Any, Any]:
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")

    def entries(which: int) -> list[dict[str, Any]]:
        flat = [(image, *row) for image, scene in enumerate(scenes, 1) for row in scene[which]]
        found = []
        for number, (image, (x1, y1, x2, y2), label, score) in enumerate(flat, 1):
            box = [x1, y1, x2 - x1, y2 - y1]
            found.append(
                {"id": number, "image_id": image, "category_id": label, "bbox": box, "area": box[2] * box[3],
                 "iscrowd": 0, "score": score}
            )  # fmt: skip
        return found

    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": image} for image in range(1, len(scenes) + 1)],
            "categories": [{"id": index, "name": name} for index, name in enumerate(LABELS.names)],
            "annotations": entries(1),
        }
        truth.createIndex()
        judge = evaluation.COCOeval(truth, truth.loadRes(entries(0)), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats, judge.eval["precision"][:, :, :, 0, -1]


def test_figures_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(3)
    scenes = [random_scene(rng) for _ in range(60)]
    metric = DetectionMetric(LABELS)
    for predictions, truths in scenes:
        add(metric, predictions, truths)
    result = metric.compute()
    stats, precision = by_pycocotools(scenes)
    assert 0.1 < stats[0] < 0.9
    assert [result.values[name] for name in ("map", "map_50", "map_75")] == pytest.approx(stats[:3].tolist(), abs=1e-6)
    assert set(result.per_class) == {"cat", "dog", "emu"}  # no true fox
    for index, name in enumerate(result.per_class):
        expected = {"ap": precision[:, :, index].mean(), "ap_50": precision[0, :, index].mean()}
        assert result.per_class[name] == pytest.approx(expected, abs=1e-6)


def test_the_best_f1_is_that_of_trying_every_threshold() -> None:
    rng = np.random.default_rng(4)
    scenes = [random_scene(rng) for _ in range(40)]
    metric = DetectionMetric(LABELS)
    for predictions, truths in scenes:
        add(metric, predictions, truths)
    values = metric.compute().values

    def f1_at(threshold: float) -> float:
        hits = kept = 0
        for predictions, truths in scenes:
            chosen = sorted((row for row in predictions if row[2] >= threshold), key=lambda row: -row[2])
            free = list(range(len(truths)))
            for box, label, _ in chosen:
                overlaps = {i: _iou(box, truths[i][0]) for i in free if truths[i][1] == label}
                best = max(overlaps, key=lambda i: overlaps[i], default=None)
                if best is not None and overlaps[best] >= 0.5:
                    hits += 1
                    free.remove(best)
            kept += len(chosen)
        return 2 * hits / (kept + sum(len(truths) for _, truths in scenes))

    assert values["f1"] == pytest.approx(max(f1_at(step / 200) for step in range(201)))
    assert values["f1"] == pytest.approx(f1_at(values["f1_threshold"]))


def _iou(a: list[float], b: list[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inner = max(width, 0) * max(height, 0)
    return inner / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner)


BOX = [10.0, 10.0, 60.0, 60.0]


@pytest.mark.parametrize(
    ("predictions", "truths", "expected", "f1"),
    [
        ([], [], 0.0, 0.0),
        ([], [(BOX, 0, 0)], 0.0, 0.0),
        ([(BOX, 0, 0.7)], [], 0.0, 0.0),
        ([(BOX, 0, 0.7)], [(BOX, 0, 0)], 1.0, 1.0),
        ([(BOX, 1, 0.7)], [(BOX, 0, 0)], 0.0, 0.0),
        ([(BOX, 0, 0.7), (BOX, 0, 0.6)], [(BOX, 0, 0)], 1.0, 1.0),
        ([(BOX, 0, 0.7), (BOX, 3, 0.9)], [(BOX, 0, 0)], 1.0, 2 / 3),
        ([(BOX, 0, 0.7)], [(BOX, 0, 0), (BOX, 1, 0)], 0.5, 2 / 3),
    ],
)
def test_emptiness_and_plain_cases(predictions: Rows, truths: Rows, expected: float, f1: float) -> None:
    metric = DetectionMetric(LABELS)
    add(metric, predictions, truths)
    add(metric, [], [])
    result = metric.compute()
    assert result.values["map"] == pytest.approx(expected, abs=1e-6)
    assert result.values["f1"] == pytest.approx(f1)
    assert 0 < result.values["f1_threshold"] < 1
    json.dumps([result.values, result.per_class, result.curves], allow_nan=False)


def test_the_threshold_lies_between_two_scores() -> None:
    metric = DetectionMetric(LABELS)
    add(metric, [(BOX, 0, 0.75), ([0.0, 0.0, 5.0, 5.0], 0, 0.25)], [(BOX, 0, 0)])
    assert metric.compute().values["f1_threshold"] == 0.5


def test_reset_forgets_and_computing_twice_gives_the_same() -> None:
    metric = DetectionMetric(LABELS)
    add(metric, [(BOX, 0, 0.7)], [(BOX, 0, 0)])
    assert metric.compute() == metric.compute()
    metric.reset()
    assert metric.compute().values["map"] == 0.0


def test_curves_are_short_and_run_the_right_way() -> None:
    rng = np.random.default_rng(5)
    metric = DetectionMetric(LABELS)
    for _ in range(80):
        add(metric, *random_scene(rng))
    curves = metric.compute().curves
    by_threshold = curves["f1_by_threshold"]
    assert set(by_threshold) == {"threshold", "precision", "recall", "f1"}
    assert len(by_threshold["f1"]) <= 200
    assert by_threshold["threshold"] == sorted(by_threshold["threshold"], reverse=True)
    assert by_threshold["recall"] == sorted(by_threshold["recall"])
    assert len(curves["precision_recall"]["cat"]["precision"]) == 101


def test_five_hundred_images_of_a_hundred_detections_take_moments() -> None:
    rng = np.random.default_rng(6)
    metric = DetectionMetric(LABELS)

    def some(count: int) -> Rows:
        corners = rng.uniform(0, 200, (count, 2))
        return [([*c, *(c + 50)], int(rng.integers(4)), float(rng.random())) for c in corners]

    scenes = [(some(100), some(8)) for _ in range(500)]
    start = time.process_time()
    for predictions, truths in scenes:
        add(metric, predictions, truths)
    metric.compute()
    assert time.process_time() - start < 6  # 3 s are promised; this leaves room for slow machines
