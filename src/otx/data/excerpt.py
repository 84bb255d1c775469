"""A few images of a subset that stand for all of it: every class alike, and the same ones each time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from otx.core.entity import OTXBatchDataEntity
from otx.data.dataset import OTXDataset


@dataclass(frozen=True)
class Excerpt:
    """Some samples of a data set in batches; may be gone through as often as needed.

    Attributes:
        dataset: The samples of a subset.
        label_ids: Class indices of each of its items.
        batch_type: Of the task; collates samples.
        most: Number of samples; all if there are no more.
        seed: Decides which.
        batch_size: Number of samples in a batch.
        skip_broken: Leave out an image that turns out broken when it is decoded; otherwise it stops.
    """

    dataset: OTXDataset[Any]
    label_ids: Sequence[Sequence[int]]
    batch_type: type[OTXBatchDataEntity[Any]]
    _: KW_ONLY
    most: int
    seed: int
    batch_size: int = 1
    skip_broken: bool = False

    @cached_property
    def positions(self) -> list[int]:
        """Which samples they are."""
        return stratified(self.label_ids, self.most, self.seed)

    def __len__(self) -> int:
        """Number of batches."""
        return math.ceil(len(self.positions) / self.batch_size)

    def __iter__(self) -> Iterator[OTXBatchDataEntity[Any]]:
        """Batch by batch, decoded anew.

        Raises:
            BrokenImageError: An image cannot be read, and broken ones are not left out.
        """
        samples = self._samples()
        while some := list(islice(samples, self.batch_size)):
            yield self.batch_type.collate(some)

    def _samples(self) -> Iterator[Any]:
        for position in self.positions:
            fetched = self.dataset.fetch((0, position))
            if fetched.sample is not None:
                yield fetched.sample
            elif not self.skip_broken:
                raise fetched.broken[0]


def stratified(label_ids: Sequence[Sequence[int]], most: int, seed: int) -> list[int]:
    """Positions of at most so many items, taken from the classes in turn, the rarest first; in order.

    Args:
        label_ids: Class indices of each item, in any number; items without any are a class of their own.
        most: How many to take; all if there are no more.
        seed: Decides the order within a class.
    """
    order = np.random.default_rng(seed).permutation(len(label_ids)).tolist()
    members: dict[int, list[int]] = {}
    for position in order:
        for label in set(label_ids[position]) or {-1}:
            members.setdefault(label, []).append(position)
    queues = [iter(members[label]) for label in sorted(members, key=lambda label: (len(members[label]), label))]
    taken: set[int] = set()
    while queues and len(taken) < most:
        for queue in list(queues):
            position = next((other for other in queue if other not in taken), None)
            if position is None:
                queues.remove(queue)
            elif len(taken) < most:
                taken.add(position)
    return sorted(taken)
