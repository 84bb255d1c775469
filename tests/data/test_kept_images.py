"""Images that are kept in memory are those that would be decoded, and nobody can change them."""

from __future__ import annotations

import os
import pickle
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from otx.core.tiles import Window
from otx.data.images import BrokenImageError, read_image
from otx.data.item import Item
from otx.data.kept_images import KeptImages, bytes_of, keep_images

READ = partial(read_image, least_side=10)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    made = [tmp_path / f"{index}.jpg" for index in range(4)]
    for index, path in enumerate(made):
        Image.fromarray(generator.integers(0, 256, (41, 50 + index, 3), dtype=np.uint8)).save(path)
    return made


def keep(paths: list[Path]) -> KeptImages:
    return keep_images(READ, paths, lambda things, _: things)


def test_what_is_kept_is_what_would_be_read(paths) -> None:
    kept = keep(paths[:3])
    assert list(kept.images) == paths[:3]
    for path in paths:
        assert torch.equal(kept(path), READ(path))
        assert kept(path).stride() == READ(path).stride()
    paths[0].unlink()  # is not asked for any more
    assert torch.equal(kept(paths[0]), kept.images[paths[0]])


def test_a_window_is_cut_from_what_is_kept(paths) -> None:
    kept = keep_images(read_image, paths, lambda things, _: things)
    window = Window(3, 5, 20, 30)
    assert torch.equal(kept(paths[0], window=window), read_image(paths[0], window=window))
    assert kept(paths[0], window=window).stride() == read_image(paths[0], window=window).stride()


def test_a_step_that_writes_to_its_image_changes_nothing_that_is_kept(paths) -> None:
    kept = keep(paths)
    kept(paths[0]).zero_()
    kept(paths[0], window=Window(0, 0, 4, 4)).zero_()
    assert torch.equal(kept(paths[0]), READ(paths[0]))


def test_a_broken_image_is_left_to_who_asks_for_it(paths) -> None:
    paths[1].write_bytes(b"broken")
    kept = keep(paths)
    assert len(kept.images) == 3
    with pytest.raises(BrokenImageError, match=r"1\.jpg"):
        kept(paths[1])


def test_what_is_not_decoded_at_ctrl_c_stays_so(paths) -> None:
    begun: list[Path] = []

    def read(path: Path, *, window: Window | None = None):
        begun.append(path)
        time.sleep(0.05)
        return READ(path, window=window)

    def interrupted(things, _):
        yield next(iter(things))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_images(read, paths * 20 * (os.cpu_count() or 1), interrupted)
    assert len(begun) < len(paths) * 10 * (os.cpu_count() or 1)


def test_a_process_that_is_started_anew_gets_no_images(paths) -> None:
    assert not pickle.loads(pickle.dumps(keep(paths))).images


@pytest.mark.parametrize("least_side", [0, 10, 21])
def test_the_bytes_are_known_before(paths, least_side) -> None:
    for path in paths:
        image = read_image(path, least_side=least_side)
        height, width = read_image(path).shape[-2:]
        assert image.nbytes == bytes_of(Item(path, height, width, None), 3, least_side)
