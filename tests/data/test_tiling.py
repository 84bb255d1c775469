"""Tiles are items like any other, and predictions on them come out image by image beside the whole truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from otx.core.input_spec import InputSpec
from otx.core.tiles import Window
from otx.data.datamodule import OTXDataModule
from otx.data.item import Item
from otx.data.settings import DataSettings
from otx.data.tiling import Tiling, cut_items
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity
from otx.tasks.detection.merge import merge
from otx.tasks.detection.reader import DetAnnotation, DetectionReader
from otx.transforms.fit import FitToInput

SPEC = InputSpec(height=32, width=32, tile=64, tile_overlap=16)


def annotation(*boxes: tuple[float, ...]) -> DetAnnotation:
    return DetAnnotation(np.array(boxes, np.float32).reshape(-1, 4), np.zeros(len(boxes), np.int64))


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Two images of 3 and 2 tiles, and a small one of a single tile."""
    made = []
    for number, (width, boxes) in enumerate(
        ((150, [(2, 2, 12, 12), (90, 20, 110, 40)]), (100, []), (40, [(5, 5, 9, 9)]))
    ):
        pixels = np.random.default_rng(number).integers(0, 256, (64, width, 3), np.uint8)
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        made.append(Item(path, 64, width, annotation(*boxes)))
    return made


def test_boxes_are_cut_to_the_tile() -> None:
    whole = annotation((0, 0, 10, 10), (56, 0, 76, 10), (70, 5, 80, 15))
    cut = DetectionReader().cut(whole, Window(0, 60, 64, 64))
    assert cut.boxes.tolist() == [[0, 0, 16, 10], [10, 5, 20, 15]]
    assert DetectionReader().cut(whole, Window(0, 70, 64, 64)).boxes.tolist() == [[0, 5, 10, 15]]
    assert DetectionReader().object_sides(whole).tolist() == pytest.approx([10, 200**0.5, 10])


def test_training_leaves_most_empty_tiles_out(items) -> None:
    tiles = cut_items(items, DetectionReader(), SPEC, train=False)
    assert [tile.image for tile in tiles] == [0, 0, 0, 1, 1, 2]
    assert [len(tile.annotation.boxes) for tile in tiles] == [1, 1, 1, 0, 0, 1]
    many = cut_items([*items, *[items[1]] * 10], DetectionReader(), SPEC, train=True)
    empty = [tile for tile in many if not len(tile.annotation.boxes)]
    assert len(empty) == 4
    assert len({tile.image for tile in empty}) == 4


def datamodule(items: list[Item], workers: int = 0) -> OTXDataModule:
    reader = DetectionReader()
    return OTXDataModule(
        type("Subsets", (), {"subsets": {"train": items, "val": items}})(),
        reader,
        DetBatchDataEntity,
        FitToInput(SPEC),
        FitToInput(SPEC),
        settings=DataSettings(batch_size=2, eval_batch_size=2, workers=workers),
        seed=0,
        tiling=Tiling(reader, DetBatchDataEntity, merge, SPEC),
    )


def echo(batch: DetBatchDataEntity) -> DetBatchPredEntity:
    """Predicts the truth of each tile."""
    boxes = [value.as_subclass(torch.Tensor) * 2 for value in batch.bboxes]
    return DetBatchPredEntity(
        images=batch.images,
        imgs_info=batch.imgs_info,
        bboxes=[tv_tensors.BoundingBoxes(one, format="XYXY", canvas_size=(64, 64)) for one in boxes],
        labels=batch.labels,
        scores=[torch.ones(len(one)) for one in boxes],
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_predictions_come_out_image_by_image(items, workers) -> None:
    loader = datamodule(items, workers).loader("val", train=False)
    pairs = []
    for batch in loader:
        assert batch.images.shape[-2:] == (32, 32)
        pairs += loader.merger.add(echo(batch))
    pairs += loader.merger.flush()
    assert [truth.imgs_info[0].path for truth, _ in pairs] == [str(item.path) for item in items]
    for (truth, prediction), item in zip(pairs[:2], items, strict=False):
        assert truth.imgs_info == prediction.imgs_info
        assert (truth.imgs_info[0].height, truth.imgs_info[0].width) == (item.height, item.width)
        assert torch.equal(truth.bboxes[0].as_subclass(torch.Tensor), torch.from_numpy(item.annotation.boxes))
        assert sorted(prediction.bboxes[0].tolist()) == item.annotation.boxes.tolist()
        assert prediction.images.numel() == 0


def test_a_tile_shows_its_part_of_the_image(items) -> None:
    dataset = datamodule(items).dataset("val", train=False)
    whole = np.array(Image.open(items[0].path))
    sample = dataset.raw(1)
    assert np.array_equal(sample.image.permute(1, 2, 0).numpy(), whole[:, 43:107])
    assert (sample.img_info.height, sample.img_info.width) == (64, 64)
