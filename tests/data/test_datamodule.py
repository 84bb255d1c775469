"""Batches are the same whatever the number of workers, and errors come out of workers as they are."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.data.datamodule import OTXDataModule
from otx.data.images import BrokenImageError
from otx.data.item import Item
from otx.data.settings import DataSettings
from otx.tasks.detection.entity import DetBatchDataEntity
from otx.tasks.detection.reader import DetAnnotation, DetectionReader
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.tasks.multi_class_classification.reader import MultiClassClsReader
from otx.transforms.fit import FitToInput
from otx.transforms.pipeline import build_transform

SPEC = InputSpec(height=32, width=32)
DETECTION = [
    {"name": "Mosaic", "p": 0.5},
    {"name": "RandomZoom"},
    {"name": "RandomHorizontalFlip"},
    {"name": "RandomColorTwist"},
]
CLASSIFICATION = [
    {"name": "RandomResizedCrop", "size": "input"},
    {"name": "RandomHorizontalFlip"},
    {"name": "TrivialAugmentWide"},
    {"name": "RandomErasing"},
]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = [tmp_path / f"{index:02}.png" for index in range(13)]
    for index, path in enumerate(paths):
        Image.fromarray(generator.integers(0, 256, (40, 30 + index, 3), dtype=np.uint8)).save(path)
    return paths


def detection(paths: list[Path], workers: int = 0, batch_size: int = 4, **options: object) -> OTXDataModule:
    items = tuple(
        Item(
            path, 40, 30 + n,
            DetAnnotation(np.array([[3, 3, 20, 20], [9, 9, 28, 30]][: n % 3], np.float32).reshape(-1, 4),
                          np.full(min(n % 3, 2), n)),
        )
        for n, path in enumerate(paths)
    )  # fmt: skip
    return make(items, DetectionReader(), DetBatchDataEntity, DETECTION, workers, batch_size, **options)


def classification(paths: list[Path], workers: int = 0, batch_size: int = 4, **options: object) -> OTXDataModule:
    items = tuple(Item(path, 40, 30 + n, n % 3) for n, path in enumerate(paths))
    return make(
        items, MultiClassClsReader(), MultiClassClsBatchDataEntity, CLASSIFICATION, workers, batch_size, **options
    )


def make(items, reader, batch_type, steps, workers, batch_size, **options) -> OTXDataModule:
    return OTXDataModule(
        SimpleNamespace(subsets={"train": items, "val": items, "test": ()}),
        reader,
        batch_type,
        build_transform(steps, SPEC),
        FitToInput(SPEC),
        settings=DataSettings(batch_size=batch_size, eval_batch_size=batch_size, workers=workers),
        **{"seed": 0, **options},
    )


def epoch(loader, number: int) -> list:
    loader.batch_sampler.sampler.set_epoch(number)
    return list(loader)


def assert_same(one, other) -> None:
    assert one.imgs_info == other.imgs_info
    assert torch.equal(one.images, other.images)
    assert all(torch.equal(a, b) for a, b in zip(one.labels, other.labels, strict=True))
    if hasattr(one, "bboxes"):
        assert all(torch.equal(a, b) for a, b in zip(one.bboxes, other.bboxes, strict=True))


def test_only_training_is_balanced(pictures) -> None:
    data = classification(pictures)
    data.settings = replace(data.settings, balance=True)
    weights = data.loader("train", train=True).batch_sampler.sampler.weights
    assert [sum(weights[label::3]) for label in range(3)] == pytest.approx([1, 1, 1])
    assert data.loader("val", train=False).batch_sampler.sampler.weights is None
    assert classification(pictures).loader("train", train=True).batch_sampler.sampler.weights is None


@pytest.mark.parametrize("task", [detection, classification])
def test_the_number_of_workers_changes_no_batch(pictures, task) -> None:
    loaders = [task(pictures, workers).loader("train", train=True) for workers in (0, 1, 2)]
    batches = [[batch for number in (0, 1) for batch in epoch(loader, number)] for loader in loaders]
    assert len(batches[0]) == len(batches[1]) == len(batches[2]) == 6
    for others in batches[1:]:
        for one, other in zip(batches[0], others, strict=True):
            assert_same(one, other)
    assert not torch.equal(batches[0][0].images, batches[0][3].images)


def test_workers_survive_thread_pools_of_their_parent(pictures) -> None:
    # A forked worker in which OpenCV touched the pool it inherited would wait for threads that do not exist.
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (9, 9), 2)
    torch.randn(1_000_000).exp().sum()
    assert len(list(detection(pictures, workers=2).loader("train", train=True))) == 3


def test_an_epoch_that_starts_in_its_middle_goes_on_as_the_whole_one(pictures) -> None:
    whole = epoch(detection(pictures).loader("train", train=True), 4)
    resumed = detection(pictures, workers=2).loader("train", train=True)
    resumed.batch_sampler.sampler.start_at(4, images=8)
    rest = list(resumed)
    assert len(rest) == 1
    assert_same(rest[0], whole[2])


def test_types_and_sizes(pictures) -> None:
    batch = next(iter(detection(pictures, workers=1).loader("train", train=True)))
    assert isinstance(batch, DetBatchDataEntity)
    assert batch.images.shape == (4, 3, 32, 32)
    assert batch.images.dtype == torch.uint8


@pytest.mark.parametrize(
    ("images", "batch_size", "train", "sizes"),
    [
        (13, 4, True, [4, 4, 4]),  # a batch of one would stop batch normalisation
        (13, 4, False, [4, 4, 4, 1]),
        (12, 5, True, [5, 5, 2]),
        (1, 4, True, [1]),
        (3, 1, True, [1, 1, 1]),
    ],
)
def test_the_last_batch(pictures, images, batch_size, train, sizes) -> None:
    loader = classification(pictures[:images], batch_size=batch_size).loader("train", train=train)
    assert [batch.batch_size for batch in loader] == sizes
    assert len(loader) == len(sizes)


def test_evaluation_sees_each_image_once_and_in_order(pictures) -> None:
    loader = detection(pictures, workers=2).loader("val", train=False)
    for _ in range(2):
        assert [info.index for batch in loader for info in batch.imgs_info] == list(range(13))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_the_error_itself(pictures, workers) -> None:
    pictures[6].write_bytes(b"no image")
    for train in (True, False):
        with pytest.raises(BrokenImageError, match=r"06\.png.*on_bad_data skip\.$") as caught:
            list(detection(pictures, workers).loader("val", train=train))
        assert "Traceback" not in str(caught.value)


def test_a_lost_folder_stops_a_run_that_skips_broken_images(pictures) -> None:
    module = classification(pictures, 0, on_bad_data="skip")
    batches = iter(module.loader("train", train=True))
    next(batches)
    for path in pictures:
        path.unlink()
    with pytest.raises(UserError, match=r"is the data still there\?.*no such file.*--resume"):
        list(module.loader("train", train=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_images_can_be_skipped_and_are_told_once(pictures, workers, caplog) -> None:
    for index in (4, 5, 6, 7, 9):
        pictures[index].write_bytes(b"no image")
    module = classification(pictures, workers, on_bad_data="skip")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = [info.index for batch in module.loader("val", train=False) for info in batch.imgs_info]
            assert found == [0, 1, 2, 3, 8, 10, 11, 12]
        assert [batch.batch_size for batch in module.loader("train", train=True)] == [4, 4, 4]
    assert len(module.broken) == len(caplog.records) == 5
    assert all(record.message.startswith("left out: ") for record in caplog.records)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_step_that_fails_is_the_error_itself(pictures, workers) -> None:
    module = classification(pictures, workers)
    module.train_transform = build_transform([{"name": "RandomIoUCrop"}], SPEC)
    with pytest.raises(UserError, match="'RandomIoUCrop' failed on"):
        list(module.loader("train", train=True))


def test_what_has_not_been_chosen_or_is_not_there_is_named(pictures) -> None:
    module = detection(pictures)
    with pytest.raises(UserError, match="no images in the subset 'tets'"):
        module.loader("tets", train=False)
    with pytest.raises(UserError, match="no images in the subset 'test'"):
        module.loader("test", train=False)
    module.settings = DataSettings()
    with pytest.raises(UserError, match=r"data\.batch_size is 'auto'"):
        module.loader("train", train=True)
    module.settings = DataSettings(batch_size=0)
    with pytest.raises(UserError, match="expected at least 1, got 0"):
        module.loader("train", train=True)


def test_more_workers_than_batches_are_not_started(pictures) -> None:
    assert detection(pictures, workers=8, batch_size=7).loader("val", train=False).num_workers == 2


def test_lightning_finds_its_loaders(pictures) -> None:
    module = detection(pictures)
    assert [len(loader) for loader in (module.train_dataloader(), module.val_dataloader())] == [3, 4]


# Without Lightning, whose import takes seconds.
SCRIPT = """
import signal, sys, time
from pathlib import Path
from otx.core.input_spec import InputSpec
from otx.data.dataset import OTXDataset
from otx.data.item import Item
from otx.data.loader import BatchLoader
from otx.data.sampler import EpochSampler
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.tasks.multi_class_classification.reader import MultiClassClsReader
from otx.transforms.fit import FitToInput

# Tests that run in the background inherit that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
items = [Item(path, 40, 30, 0) for path in sorted(Path(sys.argv[1]).glob("*.png"))]
dataset = OTXDataset(items, MultiClassClsReader(), FitToInput(InputSpec(height=32, width=32)), 0)
loader = BatchLoader(
    dataset, EpochSampler(len(items), 0, shuffle=True), MultiClassClsBatchDataEntity, batch_size=2, drop_last=True,
    workers=2, prefetch=2, pin_memory=False, on_bad_data="error", known_broken={},
)
for batch in loader:
    print(batch.batch_size, flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_a_script_needs_no_main_guard(pictures) -> None:
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(pictures[0].parent), "0"], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["2"] * 6
    assert found.stderr == ""


def test_ctrl_c_ends_the_workers_without_their_tracebacks(pictures) -> None:
    command = [sys.executable, "-c", SCRIPT, str(pictures[0].parent), "30"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "2\n"
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # the terminal signals the whole group
    _, errors = process.communicate(timeout=60)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
