"""All loaders of a data set, for training and for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

from lightning.pytorch import LightningDataModule

from otx.core.errors import UserError, nearest
from otx.data.dataset import OTXDataset, Read
from otx.data.excerpt import stratified
from otx.data.images import read_image
from otx.data.index import DataIndex
from otx.data.item import Item
from otx.data.loader import Batch, BatchLoader
from otx.data.reader import TaskReader
from otx.data.sampler import EpochSampler, balanced_weights
from otx.data.settings import DataSettings
from otx.data.tiling import TileMerger, Tiling, cut_items
from otx.transforms.fields import Step


@dataclass(eq=False)
class OTXDataModule(LightningDataModule):
    """Makes a loader for any subset, in the manner of training or of evaluation.

    Batches are a function of the seed and the epoch alone: neither the number of workers nor a resume changes them.

    Attributes:
        index: The images of each subset.
        reader: Of the task.
        batch_type: Of the task; collates samples.
        train_transform: Random.
        eval_transform: Not random.
        train_read: Decodes an item for training.
        eval_read: Decodes an item for evaluation.
        settings: With numbers instead of `auto`.
        seed: Decides order and augmentation.
        on_bad_data: What to do with an image that turns out broken when it is decoded. `error` stops. `skip` takes the
            next readable image in training, so that batches keep their size, and leaves it out in evaluation.
        pin_memory: True where batches go to an accelerator.
        tiling: How images are cut into tiles; None: they are not.
        rank: Number of this device.
        world: Number of devices.
        broken: Messages of the broken images that were met, each once.
    """

    index: DataIndex
    reader: TaskReader[Any]
    batch_type: type[Batch]
    train_transform: Step
    eval_transform: Step
    _: KW_ONLY
    train_read: Read = read_image
    eval_read: Read = read_image
    settings: DataSettings
    seed: int
    on_bad_data: Literal["error", "skip"] = "error"
    pin_memory: bool = False
    tiling: Tiling | None = None
    rank: int = 0
    world: int = 1
    broken: dict[str, None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        super().__init__()

    def dataset(self, subset: str, *, train: bool) -> OTXDataset[Any]:
        """The samples of a subset.

        Raises:
            UserError: There is no such subset, or it is empty.
        """
        items = self._images(subset)
        if self.tiling:
            items = cut_items(items, self.tiling.reader, self.tiling.spec, train=train)
        return OTXDataset(
            items,
            self.reader,
            self.train_transform if train else self.eval_transform,
            self.seed,
            read=self.train_read if train else self.eval_read,
            replace_broken=train and self.on_bad_data == "skip",
        )

    def loader(self, subset: str, train: bool) -> BatchLoader:
        """Batches of a subset.

        Args:
            subset: `train`, `val` or `test`.
            train: Shuffled and augmented, this device's share of each batch, and without a last batch of a single
                image, on which batch normalisation would fail; otherwise every image once, in order, on each device.

        Raises:
            UserError: There is no such subset, it is empty, or a setting has not been chosen.
        """
        dataset = self.dataset(subset, train=train)
        weights = None
        if train and self.settings.balance is True:
            weights = balanced_weights([tuple(self.reader.label_ids(item.annotation)) for item in dataset.items])
        rank, world = (self.rank, self.world) if train else (0, 1)
        sampler = EpochSampler(len(dataset), self.seed, shuffle=train, rank=rank, world=world, weights=weights)
        size, rest = divmod(self._chosen("batch_size" if train else "eval_batch_size"), world)
        if rest:
            given = size * world + rest
            msg = f"data.batch_size: expected a multiple of the {world} processes that share a batch, got {given}"
            raise UserError(msg)
        batches = -(-len(sampler) // size)
        return BatchLoader(
            dataset,
            sampler,
            self.batch_type,
            batch_size=size,
            drop_last=train and batches > 1 and len(sampler) % size == 1,
            workers=min(self._chosen("workers"), batches),
            prefetch=self.settings.prefetch,
            pin_memory=self.pin_memory,
            on_bad_data=self.on_bad_data,
            known_broken=self.broken,
            merger=TileMerger(dataset.items, self._images(subset), self.tiling) if self.tiling and not train else None,
        )

    def excerpt(self, subset: str, most: int, *, batch_size: int = 1) -> BatchLoader:
        """At most so many images of a subset (tiles, where images are cut), as they are evaluated, every class alike.

        Raises:
            UserError: There is no such subset, or it is empty.
        """
        dataset = self.dataset(subset, train=False)
        label_ids = [self.reader.label_ids(item.annotation) for item in dataset.items]
        return BatchLoader(
            dataset,
            [(0, index) for index in stratified(label_ids, most, self.seed)],
            self.batch_type,
            batch_size=batch_size,
            on_bad_data=self.on_bad_data,
            known_broken=self.broken,
        )

    def train_dataloader(self) -> BatchLoader:
        """For Lightning."""
        return self.loader("train", train=True)

    def val_dataloader(self) -> BatchLoader:
        """For Lightning."""
        return self.loader("val", train=False)

    def test_dataloader(self) -> BatchLoader:
        """For Lightning."""
        return self.loader("test", train=False)

    def _images(self, subset: str) -> Sequence[Item]:
        subsets = {str(name): items for name, items in self.index.subsets.items()}
        if not subsets.get(subset):
            filled = [name for name, items in subsets.items() if items]
            raise UserError(f"the data set has no images in the subset {subset!r}.{nearest(subset, filled)}")
        return subsets[subset]

    def _chosen(self, name: str) -> int:
        value = getattr(self.settings, name)
        if value == "auto":
            raise UserError(f"data.{name} is 'auto', but nobody has chosen it; give a number")
        least = 0 if name == "workers" else 1
        if value < least:
            raise UserError(f"data.{name}: expected at least {least}, got {value}")
        return int(value)
