"""Tiles are chosen by the size of objects, travel with the model, and find what whole images hide."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.generated import pictures, write_image_folders

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.engine import Engine
from otx.runtime.whole_image import predict_image
from otx.tasks import task_spec
from otx.tasks.detection.decode import decode

SMALL = {"data.workers": 0, "training.tensorboard": False, "training.precision": "32", "training.channels_last": False}
OBJECT = 9
MODEL = '''
"""Finds bright squares of nine pixels."""

import torch
from torch import nn
from torch.nn import functional as F

from otx.core.input_spec import InputSpec
from otx.tasks.detection.decode import topk_detections
from otx.tasks.detection.model import OTXDetectionModel


class Squares(OTXDetectionModel):
    default_input = InputSpec(height=96, width=96, mean=(0, 0, 0), std=(1, 1, 1))
    nms_iou = 0.1

    def create_model(self):
        network = nn.Conv2d(3, 1, 9, padding=4, bias=False)
        nn.init.constant_(network.weight, 1 / 243)
        return network

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}

    def losses(self, outputs, batch):
        return {"nothing": outputs.mean() * 0}

    def raw_outputs(self, outputs, images):
        peaks = torch.where(F.max_pool2d(outputs, 3, 1, 1) == outputs, outputs, torch.zeros_like(outputs))
        y, x = torch.meshgrid(*(torch.arange(side) for side in images.shape[2:]), indexing="ij")
        centres = torch.stack([x, y], dim=-1).reshape(1, -1, 2).expand(images.shape[0], -1, -1) + 0.5
        boxes = torch.cat([centres - 4.5, centres + 4.5], dim=-1)
        return topk_detections(boxes, peaks.flatten(1).unsqueeze(-1).clamp(0, 1), 50)
'''


def write_large(root: Path, side: int = 250, count: int = 4) -> Path:
    """Dark images with bright squares, some of them where tiles meet."""
    rng = np.random.default_rng(0)
    (root / "annotations").mkdir(parents=True)
    for subset in ("train", "val", "test"):
        images, annotations = [], []
        for number in range(1, count + 1):
            pixels = np.zeros((side, side, 3), np.uint8)
            places = rng.permutation(side // 25 * (side // 25))[:12]
            for place in places:
                y, x = (25 * int(part) + int(rng.integers(0, 14)) for part in divmod(int(place), side // 25))
                pixels[y : y + OBJECT, x : x + OBJECT] = 230
                box = {"bbox": [x, y, OBJECT, OBJECT], "area": OBJECT**2, "iscrowd": 0}
                annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": 1} | box)
            path = root / "images" / subset / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
            images.append({"id": number, "file_name": path.name, "width": side, "height": side})
        content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "square"}]}
        (root / "annotations" / f"instances_{subset}.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "squares.py").write_text(MODEL)
    return f"{tmp_path / 'squares.py'}:Squares"


def test_tiles_find_what_whole_images_hide(tmp_path, model) -> None:
    root = write_large(tmp_path / "data")
    size = {"data.tile_size": 96}  # pixel for pixel, which is what the model knows
    whole = Engine(root, model=model, work_dir=tmp_path / "whole", settings=SMALL)
    tiled = Engine(root, model=model, work_dir=tmp_path / "tiled", settings=SMALL | size)
    whole.train(max_epochs=1, tile=False)
    assert whole.test().metrics["map_50"] < 0.1
    trained = tiled.train(max_epochs=1, tile="auto")
    assert trained.metrics["map"] > 0.9
    tested = tiled.test()
    assert tested.metrics["map"] > 0.9
    assert tested.images == 4
    exported = tiled.export()
    assert tiled.test(exported.model).metrics == pytest.approx(tested.metrics, abs=0.002)
    by_torch, by_openvino = (
        json.loads(tiled.predict(root / "images" / "test", path, threshold=0.85).predictions.read_text())
        for path in (None, exported.model)
    )
    assert [len(one["objects"]) for one in by_torch] == [12] * 4
    assert [one["image"] for one in by_openvino] == [one["image"] for one in by_torch]
    boxes = [
        np.array(sorted(entry["bbox"] for one in found for entry in one["objects"]))
        for found in (by_torch, by_openvino)
    ]
    assert np.abs(boxes[0] - boxes[1]).max() < 0.1


def test_auto_says_why(tmp_path, model) -> None:
    write_large(tmp_path / "tiny")
    plan = Engine(tmp_path / "tiny", model=model).configure()
    assert (plan["data.tile"], plan["data.tile_size"]) == (True, 48)
    assert plan.choices["data.tile"].origin == "auto"
    assert (
        "the median object of 9 pixels would be 3.5 at the model's 96; in tiles of 48 it is 18.0"
        in plan.choices["data.tile"].reason
    )
    assert plan["data.tile_overlap"] == 9
    assert plan["model.input_size"] == [96, 96]
    write_large(tmp_path / "small", side=50)
    plan = Engine(tmp_path / "small", model=model).configure()
    assert plan["data.tile"] is False
    assert "which is enough" in plan.choices["data.tile"].reason
    plan = Engine(tmp_path / "tiny", model=model, settings={"model.input_size": [512, 512]}).configure()
    assert plan["data.tile"] is False
    assert Engine(tmp_path / "small", model=model).configure(tile=True)["data.tile_size"] == 48


@pytest.mark.framework("timm")
def test_asking_for_tiles_where_there_can_be_none_is_an_error(tmp_path) -> None:
    write_image_folders(tmp_path, pictures())
    with pytest.raises(UserError, match=r"data.tile: predictions of the task MULTI_CLASS_CLS .* cannot be merged"):
        Engine(tmp_path, pretrained=False).configure(tile=True)
    plan = Engine(tmp_path, pretrained=False).configure()
    assert plan["data.tile"] is False
    assert "cannot be merged" in plan.choices["data.tile"].reason


def test_a_huge_image_takes_no_more_memory_than_its_tiles(tmp_path) -> None:
    side = 6000
    pixels = np.lib.format.open_memmap(tmp_path / "huge.npy", "w+", np.uint8, (side, side, 3))
    pixels[5000:5009, 3000:3009] = 255
    pixels.flush()
    spec = InputSpec(height=256, width=256, tile=256, tile_overlap=16)

    def run(images, info):
        found = images[0, 0].nonzero()
        box = [*found.min(0).values.flip(0).tolist(), *(found.max(0).values.flip(0) + 1).tolist()] if len(found) else []
        boxes = torch.tensor([[*box, 0.9]] if box else []).reshape(1, -1, 5)
        raw = {"boxes": boxes, "labels": torch.zeros(1, boxes.shape[1], dtype=torch.int64)}
        return decode(raw, images, [info], nms_iou=None, max_detections=100)

    tracemalloc.start()
    prediction = predict_image(tmp_path / "huge.npy", spec, task_spec("DETECTION"), run)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert prediction.records(LabelInfo(("square",)), 0.5)[0]["objects"][0]["bbox"] == [3000, 5000, 3009, 5009]
    assert peak < side * side / 2
