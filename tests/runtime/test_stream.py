"""Many files at once: same predictions as one by one, in order, in bounded memory, broken files by policy."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from functools import partial

import pytest
import torch

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.data.dataset import OTXDataset
from otx.data.images import BrokenImageError, image_size, read_image
from otx.data.item import Item
from otx.runtime import stream
from otx.runtime.exported import load_exported
from otx.runtime.stream import predict_files
from otx.tasks.multi_class_classification.reader import MultiClassClsReader
from otx.transforms.fit import FitToInput, fit_image


@pytest.fixture
def model(classifier_file):
    return load_exported(classifier_file, hint="THROUGHPUT")


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_same_as_one_by_one_and_in_order(model, pictures, threads):
    found = list(predict_files(model, pictures, threads=threads))
    assert [path for path, _ in found] == pictures
    for index, (path, prediction) in enumerate(found):
        image = read_image(path)
        fitted, scale, offset = fit_image(image, model.input_spec)
        expected = model.model(fitted.unsqueeze(0))["logits"].softmax(1)
        torch.testing.assert_close(prediction.scores, expected)
        assert prediction.labels.tolist() == [index % 3]
        height, width = image.shape[-2:]
        assert prediction.imgs_info == [
            ImageInfo(path=str(path), height=height, width=width, scale=scale, offset=offset)
        ]


def test_a_large_photograph_is_decoded_smaller_as_in_training_and_its_size_is_told(model, photograph):
    spec, path = model.input_spec, photograph
    ((_, prediction),) = predict_files(model, [path])
    (info,) = prediction.imgs_info
    assert (info.height, info.width) == image_size(path) == (300, 480)
    assert info.scale == pytest.approx((spec.width / 480, spec.height / 300))
    least_side = spec.least_side
    item = Item(path, 300, 480, 0)
    data = OTXDataset(
        [item], MultiClassClsReader(), FitToInput(spec), 0, read=partial(read_image, least_side=least_side)
    )
    sample = data[0, 0]
    assert sample.img_info == replace(info, index=0)
    seen = model.model(sample.image.unsqueeze(0))["logits"].softmax(1)
    torch.testing.assert_close(prediction.scores, seen)
    whole = fit_image(read_image(path), spec)[0]
    assert not torch.equal(sample.image, whole)
    assert (sample.image.int() - whole.int()).abs().float().mean() < 2


def test_no_files(model):
    assert list(predict_files(model, [])) == []


def test_memory_is_bounded(model, pictures):
    asked = itertools.count()

    def endless():
        for path in itertools.cycle(pictures):
            next(asked)
            yield path

    results = predict_files(model, endless(), threads=2)
    for _ in range(30):
        next(results)
    results.close()
    assert next(asked) <= 30 + (2 + 2) * stream.TOGETHER


def test_threads_end_with_the_stream(model, pictures):
    results = predict_files(model, itertools.cycle(pictures), threads=2)
    next(results)
    assert any(thread.name.startswith("predict") for thread in threading.enumerate())
    results.close()
    assert not any(thread.name.startswith("predict") for thread in threading.enumerate())


def test_torch_keeps_its_threads(model, pictures):
    before = torch.get_num_threads()
    list(predict_files(model, pictures))
    assert torch.get_num_threads() == before


def test_broken_image_is_an_error_that_names_it(model, pictures):
    pictures[5].write_bytes(b"no image")
    with pytest.raises(BrokenImageError, match=r"05\.png"):
        list(predict_files(model, pictures))


def test_broken_image_is_skipped_and_told(model, pictures):
    pictures[5].write_bytes(b"no image")
    told: list[tuple[str, UserError]] = []
    found = list(predict_files(model, pictures, on_broken=lambda path, error: told.append((path.name, error))))
    assert [path.name for path, _ in found] == [f"{i:02}.png" for i in range(12) if i != 5]
    assert [name for name, _ in told] == ["05.png"]
    assert "05.png" in str(told[0][1])


def test_other_failures_are_not_swallowed(model, pictures, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(stream, "read_fitted", fail)
    with pytest.raises(ZeroDivisionError):
        list(predict_files(model, pictures, on_broken=lambda *_: None))
