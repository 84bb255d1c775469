"""Single objects as samples, for models that look at one at a time (top-down).

Which object is where must be known: in training and testing it is the truth. A picture to predict on is one object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy.typing as npt

from otx.core.entity import SampleT
from otx.core.input_spec import InputSpec
from otx.data.index import DataIndex
from otx.data.item import Item
from otx.data.reader import TaskReader
from otx.transforms.geometry import Move, move_sample

Region = tuple[int, int, int, int]


class ObjectReader(TaskReader[Any], Protocol):
    """The reader of a task with models that look at single objects."""

    def objects(self, annotation: Any) -> Iterator[tuple[npt.NDArray[Any], Any]]:  # noqa: ANN401 - the task's own
        """Box (XYXY) and annotation of each object of an image that something can be learned from."""


@dataclass(frozen=True, slots=True)
class ObjectItem(Item):
    """An object, as an item of a data set: its file, its annotation alone, in pixels of the image, and a part of that.

    Attributes:
        region: Left, top, right and bottom of what is cut out.
    """

    region: Region


def object_index(index: DataIndex, reader: Any, spec: InputSpec) -> DataIndex:  # noqa: ANN401 - of any task
    """The data set with an item per object, where the model asks for that; otherwise as it is."""
    if not spec.object_margin:
        return index
    return replace(
        index,
        subsets={
            name: tuple(one for item in items for one in _objects(item, reader, spec.object_margin))
            for name, items in index.subsets.items()
        },
    )


def _objects(item: Item, reader: ObjectReader, margin: float) -> Iterator[ObjectItem]:
    for box, annotation in reader.objects(item.annotation):
        (left, top), (right, bottom) = box[:2], box[2:]
        across, down = (right - left) * (margin - 1) / 2, (bottom - top) * (margin - 1) / 2
        region = (
            max(0, int(left - across)),
            max(0, int(top - down)),
            min(item.width, int(right + across) + 1),
            min(item.height, int(bottom + down) + 1),
        )
        yield ObjectItem(item.path, item.height, item.width, annotation, region)


def cut_out(sample: SampleT, region: Region) -> SampleT:
    """A part of a sample; its `ImageInfo` tells the way back to the whole image."""
    left, top, right, bottom = region
    size = (bottom - top, right - left)
    cut = move_sample(sample, Move((top, left, *size), size, 0, 0, size), 0)
    return replace(cut, img_info=replace(cut.img_info, offset=(float(-left), float(-top)), region=region))
