"""The order of images as a pure function of (seed, epoch): the same after a resume, and for any number of workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field

import torch
from torch.utils.data import Sampler

from otx.core.errors import UserError
from otx.data.seeding import seed_of


@dataclass(eq=False)
class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index), which is all that a sample depends on.

    Attributes:
        length: Number of images.
        seed: Decides the orders.
        shuffle: Another order each epoch. In training on several devices the first images of the order are repeated
            where the devices would get unequal numbers. Without shuffling, each image is seen exactly once.
        rank: This device's place among `world`; it gets every `world`-th image of the order.
        world: Number of devices.
        weights: Of each image. With them, an epoch is as many images as before, drawn with replacement, each as often
            as its weight says; only with `shuffle`.
        epoch: Of the next iteration.

    Raises:
        UserError: The rank is not one of the world's.
    """

    length: int
    seed: int
    _: KW_ONLY
    shuffle: bool
    rank: int = 0
    world: int = 1
    weights: Sequence[float] | None = None
    epoch: int = field(default=0, init=False)
    _start: tuple[int, int] = field(default=(0, 0), init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world:
            raise UserError(f"expected a rank from 0 to {self.world - 1}, got {self.rank}")

    def set_epoch(self, epoch: int) -> None:
        """The epoch of the next iteration."""
        self.epoch = epoch

    def start_at(self, epoch: int, images: int) -> None:
        """Let an epoch begin in its middle: its first `images` (of this device) are left out, other epochs are whole.

        `len` stays that of a whole epoch, because what was trained before the interruption counts.
        """
        self.epoch = epoch
        self._start = (epoch, images)

    def order(self, epoch: int) -> list[int]:
        """Indices of an epoch on this device."""
        if not self.shuffle:
            return list(range(self.rank, self.length, self.world))
        generator = torch.Generator().manual_seed(seed_of(self.seed, epoch))
        if self.weights is None:
            drawn = torch.randperm(self.length, generator=generator)
        else:
            weights = torch.tensor(self.weights, dtype=torch.float64)
            drawn = torch.multinomial(weights, self.length, replacement=True, generator=generator)
        order: list[int] = drawn.tolist()
        order += (order * self.world)[: -self.length % self.world]
        return order[self.rank :: self.world]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        # Bound now, not at the first item: a loader may be asked for its next epoch before this one is used up.
        epoch = self.epoch
        skipped = self._start[1] if epoch == self._start[0] else 0
        return iter([(epoch, index) for index in self.order(epoch)[skipped:]])

    def __len__(self) -> int:
        whole, rest = divmod(self.length, self.world)
        return whole + (rest > 0 if self.shuffle else self.rank < rest)


def balanced_weights(classes: Sequence[Hashable]) -> list[float]:
    """Of each image, 1 / number of images of its class, so that all classes are drawn equally often.

    Full balance, not 1 / square root: Buda, Maki, Mazurowski, "A systematic study of the class imbalance problem in
    convolutional neural networks", 2018, found oversampling best when it removes the imbalance entirely.

    Args:
        classes: Of each image.
    """
    counts = Counter(classes)
    return [1 / counts[one] for one in classes]
