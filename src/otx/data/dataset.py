"""Samples of one subset, each a pure function of (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity
from otx.core.image_info import ImageInfo
from otx.core.tiles import Window
from otx.data.images import BrokenImageError, read_image
from otx.data.item import Item
from otx.data.objects import ObjectItem, cut_out
from otx.data.own import OwnItem
from otx.data.reader import TaskReader
from otx.data.seeding import seeded
from otx.data.tiling import Tile
from otx.transforms.fields import Step
from otx.transforms.geometry import with_smaller_image


class Read(Protocol):
    """Decodes what a model is shown of an item (`otx.data.media.read_media`); its randomness is torch's."""

    def __call__(self, path: Path, *, window: Window | None = None) -> tv_tensors.Image | tv_tensors.Video:
        """Decode an item, or a window of an image."""


SampleT = TypeVar("SampleT", bound=OTXDataEntity)
SampleT_co = TypeVar("SampleT_co", bound=OTXDataEntity, covariant=True)


@dataclass(frozen=True)
class Fetched(Generic[SampleT_co]):
    """What became of one item.

    Attributes:
        sample: The sample; None if neither the image nor a replacement for it could be read.
        broken: Errors of the images that could not be read on the way.
    """

    sample: SampleT_co | None
    broken: tuple[BrokenImageError, ...] = ()


@dataclass(eq=False)
class OTXDataset(Dataset[SampleT], Generic[SampleT]):
    """Reads and transforms the images of a subset.

    Attributes:
        items: The images.
        reader: Of the task.
        transform: Its randomness is seeded with (seed, epoch, index); the global generators stay as they were.
        seed: Of the run.
        read: Decodes an item.
        replace_broken: Where an image cannot be read, the next one that can stands in for it; else none does.
    """

    items: Sequence[Item]
    reader: TaskReader[SampleT]
    transform: Step
    seed: int
    _: KW_ONLY
    read: Read = read_image
    replace_broken: bool = False

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: tuple[int, int]) -> SampleT:
        """The sample of (epoch, index).

        Raises:
            BrokenImageError: An image that it needs cannot be read.
        """
        fetched = self.fetch(key)
        if fetched.broken or fetched.sample is None:
            raise fetched.broken[0]
        return fetched.sample

    def fetch(self, key: tuple[int, int]) -> Fetched[SampleT]:
        """The sample of (epoch, index), and what could not be read on the way to it."""
        epoch, index = key
        broken: list[BrokenImageError] = []

        def draw(count: int) -> list[SampleT]:
            others = torch.randint(len(self.items), (count,)).tolist()
            drawn = [self._readable(other, len(self.items), broken) for other in others]
            return [other for other in drawn if other is not None]  # all are, once the item itself could be read

        with seeded(self.seed, epoch, index):
            sample = self._readable(index, len(self.items) if self.replace_broken else 1, broken)
            if sample is not None:
                sample = self.transform(sample, draw)
        return Fetched(sample, tuple(broken))

    def raw(self, index: int) -> SampleT:
        """A sample without any transform.

        Raises:
            BrokenImageError: The image cannot be read.
        """
        item = self.items[index]
        if isinstance(item, OwnItem):
            return cast("SampleT", item.sample(index))
        image = self.read(item.path, window=item.window) if isinstance(item, Tile) else self.read(item.path)
        height, width = image.shape[-2:]
        if decoded_smaller := height < item.height and width < item.width:
            height, width = item.height, item.width
        info = ImageInfo(index=index, path=str(item.path), height=height, width=width)
        if not decoded_smaller:
            sample = self.reader.entity(image, info, item.annotation)
        else:
            stand_in = tv_tensors.Image(image.new_empty(()).expand(image.shape[0], height, width))
            sample = with_smaller_image(self.reader.entity(stand_in, info, item.annotation), image)
        return cut_out(sample, item.region) if isinstance(item, ObjectItem) else sample

    def _readable(self, index: int, tries: int, broken: list[BrokenImageError]) -> SampleT | None:
        """The item, or the first readable one behind it."""
        for step in range(tries):
            try:
                return self.raw((index + step) % len(self.items))
            except BrokenImageError as error:
                broken.append(error)
        return None
