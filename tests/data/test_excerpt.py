"""A few images stand for all: every class is among them, and they are the same each time."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest

from otx.data.dataset import Fetched
from otx.data.excerpt import stratified
from otx.data.images import BrokenImageError
from otx.data.loader import BatchLoader


def test_classes_are_taken_in_turn() -> None:
    labels = [[0]] * 80 + [[1]] * 15 + [[2]] * 5 + [[]] * 10
    taken = stratified(labels, 40, seed=0)
    assert taken == sorted(set(taken))
    counts = Counter((labels[position] or [-1])[0] for position in taken)
    assert counts == {2: 5, -1: 10, 1: 12, 0: 13} or counts == {2: 5, -1: 10, 1: 13, 0: 12}


def test_images_with_many_labels_are_taken_once() -> None:
    labels = [[0, 1, 1, 2]] * 4 + [[0]] * 4
    assert len(stratified(labels, 6, seed=0)) == 6
    assert stratified(labels, 100, seed=0) == list(range(8))


def test_the_seed_decides() -> None:
    labels = [[index % 3] for index in range(90)]
    assert stratified(labels, 9, seed=1) == stratified(labels, 9, seed=1)
    assert stratified(labels, 9, seed=1) != stratified(labels, 9, seed=2)


class Dataset:
    """Samples are their numbers, and number 2 is broken."""

    def fetch(self, key: tuple[int, int]) -> Fetched[int]:
        return Fetched(None, (BrokenImageError("2.png"),)) if key[1] == 2 else Fetched(key[1])


def test_broken_images_stop_or_are_left_out() -> None:
    def loader(on_bad_data):
        keys = [(0, index) for index in stratified([[0]] * 6, 6, seed=0)]
        batches = SimpleNamespace(collate=list)
        return BatchLoader(Dataset(), keys, batches, batch_size=2, on_bad_data=on_bad_data, known_broken={})

    excerpt = loader("skip")
    assert [list(excerpt), list(excerpt)] == [[[0, 1], [3], [4, 5]]] * 2
    assert len(excerpt) == 3
    with pytest.raises(BrokenImageError):
        list(loader("error"))
