"""Shards are read as the files that they were made of; what is wrong with them is said, and no code in them is run."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from tests.generated import (
    pictures,
    write_cityscapes,
    write_coco,
    write_csv,
    write_frames,
    write_image_folders,
    write_masks,
    write_mvtec,
    write_voc,
    write_yolo,
)

from otx.core.errors import MissingExtraError, UserError
from otx.core.tiles import Window
from otx.data import sharding
from otx.data.dataset import OTXDataset
from otx.data.images import BrokenImageError, image_head, read_image, read_pixels
from otx.data.sharding import write_shards
from otx.data.shards import FOLDER, MANIFEST, open_data
from otx.data.tree import walk_data
from otx.engine import Engine
from otx.engine.reading import read_data

pytest.importorskip("litdata", reason="pip install 'otx[shards]'")


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_coco(tmp_path / "data")
    write_shards(tmp_path / "data", tmp_path / "shards")
    return tmp_path / "shards"


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def raw_samples(root: Path) -> tuple[Any, dict[str, list[Any]]]:
    plan = Engine(root, seed=3, pretrained=False).given.plan()
    data = read_data(plan)
    samples = {}
    for subset, items in data.index.subsets.items():
        dataset = OTXDataset(items, data.reader, transform=lambda sample, _: sample, seed=0)
        samples[subset] = [dataset.raw(position) for position in range(len(items))]
    return data, samples


def plain(value: Any) -> Any:
    return (value.dtype, value.tolist()) if isinstance(value, torch.Tensor) else value


def same(one: Any, other: Any) -> bool:
    left, right = ({field.name: getattr(one, field.name) for field in fields(side)} for side in (one, other))
    infos = [vars_of(side.pop("img_info")) for side in (left, right)]
    return infos[0] == infos[1] and {k: plain(v) for k, v in left.items()} == {k: plain(v) for k, v in right.items()}


def vars_of(info: Any) -> dict[str, Any]:
    return {field.name: getattr(info, field.name) for field in fields(info) if field.name != "path"}


@pytest.mark.parametrize(
    "write",
    [write_coco, write_voc, write_yolo, write_image_folders, write_csv, write_masks, write_cityscapes, write_mvtec],
)
def test_a_data_set_is_the_same_in_shards(write: Callable[[Path], Any], tmp_path: Path) -> None:
    write(tmp_path / "data")
    written = write_shards(tmp_path / "data", tmp_path / "shards")
    there = [path for path in (tmp_path / "shards").rglob("*") if path.suffix in sharding.PICTURES]
    assert (written.shards, there) == (1, [])
    files, records = walk_data(tmp_path / "data"), walk_data(tmp_path / "shards")
    assert list(files.files) == list(records.files)
    (before, samples), (after, again) = raw_samples(tmp_path / "data"), raw_samples(tmp_path / "shards")
    assert (before.source.format, before.spec.task) == (after.source.format, after.spec.task)
    assert before.source.evidence == after.source.evidence
    for part in ("labels", "class_counts", "split_origin", "pixels", "split"):
        assert getattr(before.index, part) == getattr(after.index, part)
    assert before.index.problems.to_list() == after.index.problems.to_list()
    for subset, items in before.index.subsets.items():
        others = after.index.subsets[subset]
        below = [
            [item.path.relative_to(tree.root) for item in side] for side, tree in ((items, files), (others, records))
        ]
        assert below[0] == below[1]
        assert [(item.height, item.width) for item in items] == [(item.height, item.width) for item in others]
        assert len(samples[subset]) == len(again[subset])
        assert all(same(*pair) for pair in zip(samples[subset], again[subset], strict=True))


def test_all_kinds_of_pictures_are_the_same(tmp_path: Path) -> None:
    write_image_folders(tmp_path / "data", pictures())
    noise = np.random.default_rng(0).integers(0, 2**16, (20, 30), dtype=np.uint16)
    folder = tmp_path / "data" / "train" / "star"
    cv2.imwrite(str(folder / "deep.png"), noise)
    cv2.imwrite(str(folder / "a-tiff-in-truth.tif"), noise)
    (folder / "a-tiff-in-truth.tif").rename(folder / "a-tiff-in-truth.png")
    np.save(folder / "array.npy", noise)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray((noise // 256).astype(np.uint8)).save(folder / "turned.jpg", exif=turned)
    (folder / "broken.png").write_bytes(b"no picture")
    written = write_shards(tmp_path / "data", tmp_path / "shards")
    assert written.files == 2  # the TIFF and the array
    for name, path in walk_data(tmp_path / "data").files.items():
        twin = tmp_path / "shards" / name
        if path.stem == "broken":
            with pytest.raises(BrokenImageError, match=r"broken.png: cannot be read as an image: not an image"):
                image_head(twin)
            continue
        assert image_head(twin) == image_head(path)
        np.testing.assert_array_equal(read_pixels(twin), read_pixels(path))
        window = Window(2, 3, 4, 5)
        np.testing.assert_array_equal(read_pixels(twin, window=window), read_pixels(path, window=window))


def test_clips_stay_files(tmp_path: Path) -> None:
    write_frames(tmp_path / "data", pictures({"train": 2, "val": 1}))
    with pytest.raises(UserError, match="no pictures to put into shards; videos, clips of frames"):
        write_shards(tmp_path / "data", tmp_path / "shards")


def test_records_are_found_in_any_order_from_any_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "SHARD_BYTES", 5000)
    written = write_image_folders(tmp_path / "data", pictures({"train": 60, "val": 20}))
    assert write_shards(tmp_path / "data", tmp_path / "shards").shards > 5
    paths = [path.relative_to(tmp_path / "data") for path in written.images.values()] * 3
    np.random.default_rng(0).shuffle(paths)  # type: ignore[arg-type]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda path: open_data(tmp_path / "shards" / path).read(), paths))
    assert found == [(tmp_path / "data" / path).read_bytes() for path in paths]


def test_a_part_of_the_root_is_a_root(shards: Path) -> None:
    assert list(walk_data(shards / "images" / "val").files) == ["val_000.jpg", "val_001.jpg", "val_002.jpg"]


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(120):
        path = tmp_path / "data" / "train" / f"{number % 2}" / f"{number:03}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (600, 600, 3), np.uint8)).save(path)
    assert write_shards(tmp_path / "data", tmp_path / "shards").shards == 2
    script = """
import random, re, sys
from pathlib import Path
from otx.data.images import read_image
from otx.data.tree import walk_data
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
paths = sorted(walk_data(Path(sys.argv[1])).files.values())
random.Random(0).shuffle(paths)
for path in paths[:10]:
    read_image(path)
before = peak()
for path in paths:
    read_image(path)
print(before, peak())
"""
    command = [sys.executable, "-c", script, str(tmp_path / "shards")]
    before, after = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert after - before < 20, "MiB, of 124 MiB of pictures"


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "another version": (
        lambda root: edit(root / MANIFEST, lambda content: content.update(version=2)),
        r"otx_shards.json: expected version 1, found 2; make the shards again: otx shard",
    ),
    "no manifest": (
        lambda root: (root / MANIFEST).unlink(),
        "shards are unfinished, otx_shards.json is missing; delete",
    ),
    "manifest cut short": (lambda root: (root / MANIFEST).write_text('{"version": 1, "rec'), "shards are damaged"),
    "manifest of another kind": (lambda root: (root / MANIFEST).write_text("[]"), "expected an object, found list"),
    "records of another kind": (
        lambda root: edit(root / MANIFEST, lambda content: content.update(records=[1])),
        "otx_shards.json: the shards are damaged: TypeError",
    ),
    "a record too few": (
        lambda root: edit(root / MANIFEST, lambda content: content["records"].pop()),
        "it lists 14 pictures, the shards hold 15",
    ),
    "a name that leads out": (
        lambda root: edit(root / MANIFEST, lambda content: content["records"][0].__setitem__(0, "../data/a.jpg")),
        r"expected paths inside the data root, found '\.\./data/a.jpg'",
    ),
    "a file at the place of a record": (
        lambda root: (root / "images/val/val_000.jpg").symlink_to("/etc/hostname"),
        "val_000.jpg is in the shards of .*, but there is a file, too",
    ),
    "a shard is missing": (
        lambda root: (root / FOLDER / "chunk-0-0.bin").unlink(),
        r"chunk-0-0.bin: .*: it is missing",
    ),
    "a shard is cut": (lambda root: os.truncate(root / FOLDER / "chunk-0-0.bin", 99), r"bytes, found 99"),
    "no index": (lambda root: (root / FOLDER / "index.json").unlink(), "shards are damaged: .*No such file"),
    "a shard outside": (
        lambda root: edit(root / FOLDER / "index.json", lambda index: index["chunks"][0].update(filename="../../x")),
        "is a shard outside of the data root, which is not read",
    ),
    **{
        f"{key} {value}": (
            lambda root, key=key, value=value: edit(
                root / FOLDER / "index.json", lambda index: index["config"].update({key: value})
            ),
            f"expected records of plain bytes, as otx shard writes them, found .*{key} = .*; refused",
        )
        for key, value in {
            "data_format": ["pickle"],
            "data_spec": '[1, {"type": "collections.OrderedDict", "context": "[]", "children_spec": []}]',
            "encryption": {"algorithm": "fernet"},
            "compression": "zstd",
            "item_loader": "TokensLoader",
            "format": "mds",
        }.items()
    },
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_shards_that_cannot_be_used_are_refused_at_once(kind: str, shards: Path) -> None:
    damage, told = DAMAGES[kind]
    damage(shards)
    with pytest.raises(UserError, match=told):
        Engine(shards).check()


def test_a_changed_byte_is_found_when_the_picture_is_read(shards: Path) -> None:
    path = shards / FOLDER / "chunk-0-0.bin"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    last = max(walk_data(shards).images)
    assert last == "images/val/val_002.jpg"
    with pytest.raises(BrokenImageError, match=r"val_002.jpg: cannot be read .*chunk-0-0.bin: .* another checksum"):
        read_image(shards / last)
    read_image(shards / "images/val/val_001.jpg")


class Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(shards: Path, tmp_path: Path) -> None:
    from litdata import StreamingDataset
    from litdata.streaming.writer import BinaryWriter

    shutil.rmtree(shards / FOLDER)
    writer = BinaryWriter(str(shards / FOLDER), chunk_bytes=1 << 20)
    for number in range(15):
        writer.add_item(number, Harm(tmp_path / "harm"))
    writer.done()
    writer.merge()
    with pytest.raises(UserError, match=r"found data_format = \['pickle'\].*; refused, because reading it might run"):
        Engine(shards).check()
    with pytest.raises(BrokenImageError, match="refused"):
        read_image(shards / "images/val/val_001.jpg")
    assert not (tmp_path / "harm").exists()
    StreamingDataset(str(shards / FOLDER))[0]
    assert (tmp_path / "harm").exists(), "it would have been run"


def test_without_litdata_the_extra_is_named(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "litdata" else find(name))
    os.utime(shards / MANIFEST, ns=(1, 1))  # not the ones that are open
    with pytest.raises(MissingExtraError, match=r"'litdata' is not installed.*pip install 'otx\[shards\]'"):
        Engine(shards).check()
    with pytest.raises(MissingExtraError, match=r"otx\[shards\]"):
        Engine(shards.parent / "data").shard(shards.parent / "more")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("full", "expected a new or empty folder for the shards, found files in .*/full; name another"),
        ("data/shards", "expected a folder for the shards outside of the data root"),
    ],
)
def test_nothing_is_overwritten(output: str, told: str, tmp_path: Path) -> None:
    write_coco(tmp_path / "data")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(UserError, match=told):
        Engine(tmp_path / "data").shard(tmp_path / output)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_what_cannot_be_put_into_shards_is_refused(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="has its pictures in shards already"):
        Engine(shards).shard(shards.parent / "more")
    with pytest.raises(UserError, match="has its pictures in shards already"):
        Engine(shards / "images").shard(shards.parent / "more")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
        with pytest.raises(UserError, match=r"need 0.0 GiB, and there are 0.0 GiB free"):
            Engine(shards.parent / "data").shard(shards.parent / "more")
    (shards.parent / "data" / "images" / "link.jpg").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match=r"1 symbolic links lead out .* example images/link.jpg to /etc/hostname"):
        Engine(shards.parent / "data").shard(shards.parent / "more")
    assert not (shards.parent / "more").exists()


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    write_coco(tmp_path / "data")

    def interrupted(names: list[str]) -> Any:
        yield from names[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path / "data", tmp_path / "shards", show=interrupted)
    assert not (tmp_path / "shards").exists()
