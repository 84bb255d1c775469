"""Images without labels, to learn from beside the labelled ones: found in any folders, shown in two views."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import Tensor
from torch.utils.data import Sampler
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXDataEntity
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, PixelFormat
from otx.core.label_info import LabelInfo
from otx.core.records import image_record
from otx.data.datamodule import OTXDataModule
from otx.data.dataset import OTXDataset
from otx.data.images import BrokenImageError, can_stand_for, image_head
from otx.data.item import Item
from otx.data.loader import BatchLoader
from otx.data.problems import BROKEN_IMAGE, OUTSIDE, Problems
from otx.data.sampler import EpochSampler
from otx.data.tree import folder_of, walk_data
from otx.transforms.fields import Draw, Step, plain
from otx.transforms.steps import make_step

STRONGER = (
    {"name": "RandomColorTwist", "brightness": 0.5, "contrast": 0.5, "saturation": 0.5, "hue": 0.05, "p": 1.0},
    {"name": "RandomErasing", "p": 0.7, "scale": [0.05, 0.2]},
    {"name": "RandomErasing", "p": 0.5, "scale": [0.02, 0.1]},
)
"""What the second view gets on top of the recipe's augmentation: nothing that moves pixels, so that boxes still fit
(Liu et al., "Unbiased Teacher", 2021)."""


@dataclass(frozen=True)
class UnlabeledImages:
    """What lies below a folder of images without labels.

    Attributes:
        root: The folder, symbolic links resolved.
        items: The images, in the order of their paths.
        folders: Number of folders that they lie in; their names are no labels.
        problems: What cannot be used.
    """

    root: Path
    items: tuple[Item, ...]
    folders: int
    problems: Problems

    def to_json(self) -> dict[str, Any]:
        """Entry of `data/report.json`."""
        problems = self.problems.to_list()
        return {"root": str(self.root), "images": len(self.items), "folders": self.folders, "problems": problems}


def find_unlabeled(
    root: Path, pixels: PixelFormat, on_bad_data: Literal["error", "skip"], held_out: Collection[Path] = ()
) -> UnlabeledImages:
    """Look at the head of each image below a folder, however deep; nothing outside of it is opened.

    Args:
        root: The folder.
        pixels: What the labelled images are made of.
        on_bad_data: What to do about images that cannot be used: stop, or leave them out and count.
        held_out: Paths of the images to validate and test on, which are left out and counted; links resolved.

    Raises:
        UserError: There is no such folder, no image in it, or a bad one and `on_bad_data` is `error`.
    """
    tree, problems, items = walk_data(root), Problems(), []
    for link, target in tree.leaving.items():
        problems.add(OUTSIDE, link, f"symbolic link to {target}", bad=True)
    hidden = set(held_out)
    for name in sorted(tree.images):
        if tree.files[name] in hidden:
            problems.add("image for validation or testing left out", name)
            continue
        try:
            head = image_head(tree.files[name])
        except BrokenImageError as error:
            problems.add(BROKEN_IMAGE, name, str(error), bad=True)
            continue
        if can_stand_for(head.pixels, pixels):
            items.append(Item(tree.files[name], head.height, head.width, None))
        else:
            problems.add("image of another kind", name, f"{head.pixels}, the labelled ones have {pixels}", bad=True)
    if on_bad_data == "error" and problems.bad():
        raise UserError(problems.refusal(tree.root))
    if not items:
        raise UserError(f"unlabeled_data_root: expected images below {root}, at any depth, found none that can be read")
    return UnlabeledImages(tree.root, tuple(items), len({folder_of(name) for name in tree.images}), problems)


@dataclass
class UnlabeledDataEntity(OTXDataEntity):
    """One image in two views; its `ImageInfo` takes what the model is shown for the original.

    Attributes:
        strong: (C, H, W) the same pixels as `image`, with other colours and parts missing.
    """

    strong: Tensor


@dataclass
class UnlabeledBatchDataEntity(OTXBatchDataEntity[UnlabeledDataEntity]):
    """A batch of them.

    Attributes:
        strong: (B, C, H, W) the other view.
    """

    stacked: ClassVar[tuple[str, ...]] = ("strong",)

    strong: Tensor

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """Entries that say nothing of the images."""
        return [image_record(info) for info in self.imgs_info]


@dataclass(frozen=True)
class TwoViews:
    """Shows an image as training does, and once more with steps on top.

    Attributes:
        weak: The augmentation of the recipe.
        stronger: Steps that leave every pixel at its place.
    """

    weak: Step
    stronger: Sequence[Step]

    def __call__(self, sample: OTXDataEntity, draw: Draw) -> UnlabeledDataEntity:
        """Both views."""
        weak = strong = self.weak(sample, draw)
        for step in self.stronger:
            strong = step(strong, draw)
        height, width = weak.image.shape[-2:]
        info = ImageInfo(index=sample.img_info.index, path=sample.img_info.path, height=height, width=width)
        return UnlabeledDataEntity(weak.image, info, plain(strong.image))


class _NoLabels:
    """Stands where a task's reader stands."""

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: None) -> OTXDataEntity:
        return OTXDataEntity(image, info)


@dataclass(eq=False)
class EndlessSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) for ever.

    Attributes:
        epochs: Order of each epoch.
        start: Number of images to leave out, whole epochs among them.
    """

    epochs: EpochSampler
    start: int

    def __iter__(self) -> Iterator[tuple[int, int]]:
        first, skipped = divmod(self.start, len(self.epochs))
        for epoch in count(first):
            yield from ((epoch, index) for index in self.epochs.order(epoch)[skipped if epoch == first else 0 :])


def unlabeled_batches(items: Sequence[Item], like: OTXDataModule, spec: InputSpec, start: int) -> BatchLoader:
    """Batches without end, as large as those of the labelled images; a pure function of the seed and their number.

    Args:
        items: The images.
        like: Feeds the labelled ones, and says how.
        spec: Of the model.
        start: Number of the first batch, counted from 0.
    """
    views: Any = TwoViews(like.train_transform, [make_step(step, spec) for step in STRONGER])
    reader: Any = _NoLabels()
    skip, size = like.on_bad_data == "skip", int(like.settings.batch_size)
    dataset = OTXDataset[Any](items, reader, views, like.seed, read=like.train_read, replace_broken=skip)
    return BatchLoader(
        dataset,
        EndlessSampler(EpochSampler(len(items), like.seed, shuffle=True), start * size),
        UnlabeledBatchDataEntity,
        batch_size=size,
        workers=int(like.settings.workers),
        prefetch=like.settings.prefetch,
        pin_memory=like.pin_memory,
        on_bad_data=like.on_bad_data,
        known_broken=like.broken,
    )
