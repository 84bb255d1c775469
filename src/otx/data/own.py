"""Data sets of the user's own: torch Datasets whose samples are entities of the task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from otx.core.entity import OTXDataEntity
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import PixelFormat
from otx.core.label_info import LabelInfo
from otx.core.masks import IGNORED
from otx.data.images import as_picture
from otx.data.index import DataIndex
from otx.data.item import Item
from otx.data.media import clip_picture
from otx.data.problems import Problems
from otx.data.subset_names import SUBSETS, SubsetName


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """A data set that is no folder of files: what the Engine takes as `data`.

    A sample is an entity of the task with an image of any size, for example
    `otx.tasks.detection.entity:DetDataEntity`. The same index must always give the same sample: order and augmentation
    are OTX's. Each sample is read once before training begins, for its size and its labels.

    Args:
        task: Name of the task.
        labels: The classes in the order of the indices, or with all that a task knows of them.
        train: Samples to learn from.
        val: Samples to validate on.
        test: Samples for `Engine.test`; may be left out.
    """

    task: str
    labels: Sequence[str] | LabelInfo
    train: Dataset[Any]
    val: Dataset[Any]
    test: Dataset[Any] | None = None

    def label_info(self) -> LabelInfo:
        """The classes."""
        return self.labels if isinstance(self.labels, LabelInfo) else LabelInfo(tuple(self.labels))

    def picture(self, path: Path) -> Image.Image:
        """The image of a sample, by the path of its item."""
        image: Tensor = getattr(self, path.parent.name)[int(path.name)].image
        return Image.fromarray(as_picture(image)) if image.ndim == 3 else clip_picture(image[0])


@dataclass(frozen=True, slots=True)
class OwnItem(Item):
    """A sample that its data set makes itself; the path is its name, and the annotation its class indices.

    Attributes:
        dataset: Makes it.
        position: Its index there.
    """

    dataset: Dataset[Any] | Sequence[Any]
    position: int

    def sample(self, index: int) -> OTXDataEntity:
        """The sample, at this place of the subset."""
        info = ImageInfo(index=index, path=str(self.path), height=self.height, width=self.width)
        made: OTXDataEntity = replace(self.dataset[self.position], img_info=info)
        return made


class OwnReader:
    """Stands where a task's reader stands: the samples are complete, so only their labels are asked for."""

    def label_ids(self, annotation: Sequence[int]) -> Sequence[int]:
        """The class indices themselves."""
        return annotation

    def objects(self, _annotation: Any) -> NoReturn:  # noqa: ANN401 - as in a task's reader
        """Refuse.

        Raises:
            UserError: Always.
        """
        raise UserError(
            "this model looks at one object at a time, which OTX cuts out of images of a data_root only; "
            "take a model that looks at whole images (otx find), or write the data as files"
        )


def own_index(data: OwnData, entity: type[OTXDataEntity]) -> DataIndex:
    """Look at each sample once.

    Args:
        data: The data set.
        entity: What the task calls a sample.

    Raises:
        UserError: A sample is something else, has unknown labels, or has other pixels than the first one.
    """
    labels = data.label_info()
    subsets: dict[SubsetName, tuple[OwnItem, ...]] = {}
    pixels: PixelFormat | None = None
    for name in SUBSETS:
        dataset: Any = getattr(data, name)
        items = []
        for position in range(len(dataset) if dataset is not None else 0):
            sample = dataset[position]
            pixels = _checked(sample, f"{name}[{position}]", entity, len(labels), pixels)
            height, width = sample.image.shape[-2:]
            ids = _label_ids(sample)
            items.append(OwnItem(Path(f"{name}/{position:06d}"), height, width, ids, dataset, position))
        subsets[name] = tuple(items)
    counts = {name: Counter(label for item in items for label in item.annotation) for name, items in subsets.items()}
    return DataIndex(
        labels=labels,
        subsets=dict(subsets),
        class_counts={name: tuple(count[index] for index in range(len(labels))) for name, count in counts.items()},
        problems=Problems(),
        split_origin="as given to the Engine",
        pixels=pixels or PixelFormat(3, "uint8"),
    )


def _checked(
    sample: object, where: str, entity: type[OTXDataEntity], classes: int, usual: PixelFormat | None
) -> PixelFormat:
    """What the sample's image is made of."""
    if not isinstance(sample, entity):
        msg = f"data: expected a {entity.__name__} (from {entity.__module__}) as {where}, got {type(sample).__name__}"
        raise UserError(msg)
    pixels = PixelFormat(int(sample.image.shape[-3]), str(sample.image.dtype).removeprefix("torch."))
    if usual not in {None, pixels}:
        raise UserError(f"data: expected an image with {usual} like those before as {where}, got {pixels}")
    unknown = sorted(label for label in set(_label_ids(sample)) if not 0 <= label < classes)
    if unknown:
        raise UserError(f"data: expected labels from 0 to {classes - 1} in {where}, got {', '.join(map(str, unknown))}")
    return pixels


def _label_ids(sample: OTXDataEntity) -> tuple[int, ...]:
    """Class indices, from whichever field the task's entity has for them."""
    for name in ("labels", "label"):
        found = getattr(sample, name, None)
        if isinstance(found, Tensor):
            return tuple(map(int, (found.nonzero() if found.dtype is torch.bool else found).flatten().tolist()))
    mask = getattr(sample, "mask", None)
    return tuple(set(mask.flatten().tolist()) - {IGNORED}) if isinstance(mask, Tensor) else ()
