"""`otx predict --coco`: the ids are those of the annotations, and COCO's own tools find what `otx test` finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.deploy.conftest import COLOURS, SPEC, ColourClassifier, ColourDetector, det_batch
from torchvision import tv_tensors

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.core.masks import decode_rle, encode_rle
from otx.deploy.export import export
from otx.engine import Engine
from otx.report.coco import read_coco_ids
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity, KeypointBatchPredEntity
from otx.tasks.keypoint_detection.metric import KeypointMetric, sigmas

IMAGES = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector whose weights are planted."""
    detector = ColourDetector(COLOURS, SPEC)
    detector.model.sharpness.data.fill_(0.5)  # no score is 1.0: equal ones have no order of their own
    detector.score_threshold.fill_(0.5)
    return export(detector, tmp_path_factory.mktemp("model") / "model.xml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares whose annotations are off by some pixels, with ids and an order that are not those of the model."""
    root, batch, rng = tmp_path_factory.mktemp("data"), det_batch(IMAGES), np.random.default_rng(0)
    (root / "images/test").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, pixels in enumerate(batch.images.movedim(1, -1).numpy()):
        name = f"{number}.png"
        Image.fromarray((pixels * rng.uniform(0.7, 1)).astype(np.uint8)).save(root / "images/test" / name)
        images.append({"id": 900 - number, "file_name": name, "height": SPEC.height, "width": SPEC.width})
        for label, (x1, y1, x2, y2) in zip(batch.labels[number].tolist(), batch.bboxes[number].tolist(), strict=True):
            x, y = np.clip(np.add([x1, y1], rng.integers(-4, 5, 2)), 0, None).tolist()
            box = [x, y, min(x2 - x1, SPEC.width - x), min(y2 - y1, SPEC.height - y)]
            entry = {"id": len(annotations) + 1, "image_id": 900 - number, "category_id": 30 - 10 * label, "bbox": box}
            annotations.append(entry | {"area": box[2] * box[3], "iscrowd": 0, "segmentation": []})
    categories = [{"id": 30 - 10 * label, "name": name} for label, name in enumerate(COLOURS.names)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations").mkdir()
    (root / "annotations/instances_test.json").write_text(json.dumps(content))
    return root


def test_coco_finds_what_otx_test_finds(tmp_path: Path, model: Path, root: Path) -> None:
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    truth = root / "annotations/instances_test.json"
    result = Engine(work_dir=tmp_path).predict(root / "images", model, threshold=0.0, coco=truth)
    assert (result.coco, result.note) == (tmp_path / "predict/coco_results.json", "")
    found = coco.COCO(str(truth))
    evaluated = evaluation.COCOeval(found, found.loadRes(str(result.coco)), "bbox")
    evaluated.evaluate()
    evaluated.accumulate()
    evaluated.summarize()
    metrics = Engine(root, work_dir=tmp_path).test(model).metrics
    assert 0.1 < metrics["map"] < 0.9
    ours, theirs = [metrics[name] for name in ("map", "map_50", "map_75")], evaluated.stats[:3].tolist()
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_threshold_that_takes_precision_away_is_told(tmp_path: Path, model: Path, root: Path) -> None:
    truth, engine = root / "annotations/instances_test.json", Engine(work_dir=tmp_path)
    result = engine.predict(root / "images/test/3.png", model, coco=truth)
    assert "--threshold 0" in result.note
    assert "11 images of" in result.note
    assert result.coco is not None
    found = json.loads(result.coco.read_text())
    assert len(found) == 3
    assert {one["image_id"] for one in found} == {897}
    assert {one["category_id"] for one in found} == {10, 20, 30}
    engine.predict(root / "images/test/3.png", model)
    assert not result.coco.exists()  # of other predictions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": [{"id": 1, "file_name": "other.png"}]}, "such as other.png; found 12 of 12 that do not: .*0.png"),
        ({"images": [{"id": 1, "file_name": "0.png"}, {"id": 2, "file_name": "0.png"}]}, "file_name once.*ids 1, 2"),
        ({"images": [{"id": 1}]}, r"'images' \(id, file_name\).*KeyError: 'file_name'"),
        ({"images": 3}, "found TypeError"),
        ({"categories": [{"id": 1, "name": "red"}]}, "which are red; found none for very green, blue <é>"),
        ({"categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "red "}]}, "name of a category once.*'red' twice"),
    ],
)
def test_what_has_no_id_is_refused(tmp_path: Path, model: Path, root: Path, change: dict, message: str) -> None:
    content = json.loads((root / "annotations/instances_test.json").read_text()) | change
    (tmp_path / "changed.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"--coco: expected .*{message}"):
        Engine(work_dir=tmp_path).predict(root / "images", model, coco=tmp_path / "changed.json")
    assert not (tmp_path / "predict").exists()


@pytest.mark.parametrize("text", [None, "{", "[1]"])
def test_what_is_no_annotation_file_is_refused(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"--coco: expected a JSON file with 'images'.* in .*a\.json"):
        read_coco_ids(tmp_path / "a.json", COLOURS)


def test_tasks_without_objects_are_refused(tmp_path: Path, root: Path) -> None:
    path = export(ColourClassifier(COLOURS, SPEC), tmp_path / "model.xml")
    with pytest.raises(UserError, match="objects with boxes and scores, found a model of multi-class"):
        Engine(work_dir=tmp_path).predict(root / "images", path, coco=root / "annotations/instances_test.json")


def test_outlines_and_keypoints_take_cocos_form(tmp_path: Path) -> None:
    entries = [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "x/a.png"}]
    (tmp_path / "ids.json").write_text(json.dumps({"images": entries, "categories": [{"id": 4, "name": "cup"}]}))
    ids = read_coco_ids(tmp_path / "ids.json", LabelInfo(("cup",)))
    mask = encode_rle(np.eye(10, 20))
    objects = [
        {"bbox": [1.25, 2.0, 4.0, 6.5], "mask": mask},
        {"bbox": [2.0, 2.0, 6.0, 5.0], "polygon": [2.0, 2.0, 6.0, 2.0, 6.0, 5.0, 2.0, 5.0]},
        {"bbox": [0.0, 0.0, 9.0, 9.0], "keypoints": [[1.0, 2.0, 0.9], [3.0, 4.0, 0.1]]},
    ]
    objects = [{"label": "cup", "score": 0.5, **one} for one in objects]
    outlined, slanted, pointed = ids.results({"image": "x/a.png", "height": 10, "width": 20, "objects": objects})
    common = {"image_id": 8, "category_id": 4, "score": 0.5}
    assert outlined == common | {"bbox": [1.25, 2.0, 2.75, 4.5], "segmentation": mask}
    assert decode_rle(slanted["segmentation"]).sum() == 12
    assert pointed == common | {"bbox": [0.0, 0.0, 9.0, 9.0], "keypoints": [1.0, 2.0, 0.9, 3.0, 4.0, 0.1]}


def test_coco_finds_keypoints_as_the_metric_does(tmp_path: Path) -> None:
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    labels, rng, size = LabelInfo(("tube",), keypoints=Skeleton(("head", "tail"))), np.random.default_rng(0), (90, 120)
    metric, found = KeypointMetric(labels), []
    content: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 4, "name": "tube"}]}
    for image in range(1, 21):
        content["images"].append({"id": image, "file_name": f"{image}.png"})
        boxes, points = _objects(rng, size)
        for box, ends in zip(boxes.tolist(), points.tolist(), strict=True):
            width, height = box[2] - box[0], box[3] - box[1]
            marked = [value for point in ends for value in (*point, 2)]
            entry = {"id": len(content["annotations"]) + 1, "image_id": image, "category_id": 4, "iscrowd": 0}
            entry |= {"bbox": [*box[:2], width, height], "area": rng.uniform(0.2, 1) * width * height}
            content["annotations"].append(entry | {"keypoints": marked, "num_keypoints": 2})
        areas = [entry["area"] for entry in content["annotations"] if entry["image_id"] == image]
        truth = KeypointBatchDataEntity(**_tubes(boxes, points, image, size), areas=[torch.tensor(areas)])
        prediction = _found(boxes, points + rng.normal(0, 2, points.shape), rng, image, size)
        metric.update(prediction, truth)
        (tmp_path / "ids.json").write_text(json.dumps(content))
        (record,) = prediction.records(labels, 0.0)
        found += read_coco_ids(tmp_path / "ids.json", labels).results(record)
    truths = coco.COCO(str(tmp_path / "ids.json"))
    evaluated = evaluation.COCOeval(truths, truths.loadRes(found), "keypoints")
    evaluated.params.kpt_oks_sigmas = sigmas(("head", "tail"))
    evaluated.evaluate()
    evaluated.accumulate()
    evaluated.summarize()
    values = metric.compute().values
    ours = [values[name] for name in ("oks_map", "oks_map_50", "oks_map_75")]
    assert 0.1 < ours[0] < 0.9
    assert ours == pytest.approx(evaluated.stats[:3].tolist(), abs=2e-3)  # records round places to 0.01 pixels


def _objects(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(N, 4) boxes and the (N, 2, 2) keypoints in their corners."""
    corner = rng.uniform(0, [size[1] - 60, size[0] - 50], (int(rng.integers(1, 4)), 2))
    boxes = np.round(np.hstack([corner, corner + rng.uniform(15, 45, corner.shape)]), 2)
    return boxes, boxes.reshape(-1, 2, 2)


def _found(
    boxes: np.ndarray, points: np.ndarray, rng: np.random.Generator, image: int, size: tuple[int, int]
) -> KeypointBatchPredEntity:
    """The objects in a random order, with scores that fall."""
    order = rng.permutation(len(boxes))
    scores = torch.tensor(np.sort(rng.permutation(1000)[: len(boxes)])[::-1] / 1000)
    confidences = {"scores": [scores], "keypoint_scores": [torch.ones(len(boxes), 2)], "areas": [scores]}
    return KeypointBatchPredEntity(**_tubes(boxes[order], points[order], image, size), **confidences)


def _tubes(boxes: np.ndarray, points: np.ndarray, image: int, size: tuple[int, int]) -> dict[str, Any]:
    return {
        "images": torch.zeros(1, 3, *size, dtype=torch.uint8),
        "imgs_info": [ImageInfo(height=size[0], width=size[1], path=f"{image}.png")],
        "bboxes": [tv_tensors.BoundingBoxes(torch.tensor(boxes), format="XYXY", canvas_size=size)],
        "labels": [torch.zeros(len(boxes), dtype=torch.int64)],
        "keypoints": [tv_tensors.KeyPoints(torch.tensor(points), canvas_size=size)],
        "visible": [torch.full((len(boxes), 2), 2)],
    }
