"""Images without labels: where they are found, what they show, and in which order."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.generated import Picture, paint, pictures, write_image_folders

from otx.core.errors import UserError
from otx.core.input_spec import RGB, InputSpec
from otx.data.datamodule import OTXDataModule
from otx.data.index import build_index
from otx.data.settings import DataSettings
from otx.data.source import open_source
from otx.data.unlabeled import UnlabeledImages, find_unlabeled, unlabeled_batches
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.tasks.multi_class_classification.reader import MultiClassClsReader
from otx.transforms.fit import FitToInput
from otx.transforms.pipeline import build_transform

SPEC = InputSpec(height=16, width=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(7):
        paint(tmp_path / "pool" / "/".join("ab"[: number % 3]) / f"{number}.png", Picture(str(number), ""))
    return tmp_path / "pool"


def datamodule(root: Path, workers: int = 0, **more: Any) -> OTXDataModule:
    write_image_folders(root, pictures())
    reader = MultiClassClsReader()
    index = build_index(open_source(root), reader, on_bad_data="error", seed=0, split_file=None)
    return OTXDataModule(
        index, reader, MultiClassClsBatchDataEntity,
        build_transform([{"name": "RandomHorizontalFlip", "p": 0.5}], SPEC), FitToInput(SPEC, evaluation=True),
        settings=DataSettings(batch_size=3, eval_batch_size=3, workers=workers), seed=4, **more,
    )  # fmt: skip


def test_images_are_found_at_any_depth_and_folders_are_no_labels(folder: Path) -> None:
    found = find_unlabeled(folder, RGB, "error")
    assert [item.path.relative_to(folder.resolve()).as_posix() for item in found.items] == [
        "0.png", "3.png", "6.png", "a/1.png", "a/4.png", "a/b/2.png", "a/b/5.png",
    ]  # fmt: skip
    assert found.to_json() == {"root": str(folder.resolve()), "images": 7, "folders": 3, "problems": []}


def test_what_cannot_be_used_follows_on_bad_data(folder: Path) -> None:
    (folder / "a/broken.jpg").write_bytes(b"no picture")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(folder / "deep.png")
    paint(folder.parent / "secret.png", Picture("secret", ""))
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    with pytest.raises(
        UserError, match=r"3 images.*cannot be used(.|\n)*link\.png(.|\n)*a/broken\.jpg(.|\n)*deep\.png"
    ):
        find_unlabeled(folder, RGB, "error")
    found = find_unlabeled(folder, RGB, "skip")
    assert len(found.items) == 7
    assert {problem.kind for problem in found.problems} == {
        "path outside the data root", "broken image", "image of another kind",
    }  # fmt: skip
    (folder / "a/b/none").mkdir()
    with pytest.raises(UserError, match=r"expected images below .*/a/b/none, at any depth, found none"):
        find_unlabeled(folder / "a/b/none", RGB, "skip")
    with pytest.raises(UserError, match="there is no data root"):
        find_unlabeled(folder / "nowhere", RGB, "skip")


def test_images_to_validate_and_test_on_are_left_out(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "a/1.png")
    found = find_unlabeled(folder, RGB, "error", [(folder / name).resolve() for name in ("0.png", "a/1.png")])
    assert len(found.items) == 5
    assert found.problems.counts() == {"image for validation or testing left out": 3}


def batches(found: UnlabeledImages, like: OTXDataModule, start: int, count: int) -> list[Any]:
    return list(islice(unlabeled_batches(found.items, like, SPEC, start), count))


def test_any_batch_is_a_function_of_its_number(folder: Path, tmp_path: Path) -> None:
    found = find_unlabeled(folder, RGB, "error")
    whole = batches(found, datamodule(tmp_path / "data"), 0, 6)
    assert [info.index for batch in whole for info in batch.imgs_info][:7] != list(range(7))
    for epoch in range(2):  # 7 images in batches of 3: no batch is short, and no image comes again before all have come
        shown = [info.index for batch in whole for info in batch.imgs_info][7 * epoch :][:7]
        assert sorted(shown) == list(range(7))
    for workers in (0, 2):
        later = batches(found, datamodule(tmp_path / "data", workers), 4, 2)
        for one, other in zip(whole[4:], later, strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.strong, other.strong)


def test_both_views_show_the_same_place(folder: Path, tmp_path: Path) -> None:
    like = datamodule(tmp_path / "data")
    (batch,) = batches(find_unlabeled(folder, RGB, "error"), like, 0, 1)
    assert batch.images.shape == batch.strong.shape == (3, 3, 16, 16)
    assert not torch.equal(batch.images, batch.strong)
    assert {(info.height, info.width, info.scale, info.offset) for info in batch.imgs_info} == {
        (16, 16, (1.0, 1.0), (0.0, 0.0))
    }
    assert [record["image"] for record in batch.truth_records(like.index.labels)] == [
        info.path for info in batch.imgs_info
    ]


def test_images_that_break_later_are_replaced_or_stop(folder: Path, tmp_path: Path) -> None:
    found = find_unlabeled(folder, RGB, "error")
    (folder / "0.png").write_bytes((folder / "0.png").read_bytes()[:60])
    with pytest.raises(UserError, match=r"0\.png.*--on_bad_data skip"):
        batches(found, datamodule(tmp_path / "data"), 0, 3)
    skipping = datamodule(tmp_path / "data", on_bad_data="skip")
    assert [batch.batch_size for batch in batches(found, skipping, 0, 3)] == [3, 3, 3]
    assert any("0.png" in message for message in skipping.broken)
