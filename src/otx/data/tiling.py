"""Images in tiles: what a model learns from and is asked about, and how its answers become one again.

The task says how annotations are cut (`TilingReader.cut`) and how predictions are merged (`TaskSpec.merge`). A tile is
an item like any other; predictions on it are in its own pixels until they are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from otx.core.tiles import Window, tile_windows
from otx.data.item import Item
from otx.data.reader import TaskReader

if TYPE_CHECKING:
    import numpy.typing as npt

    from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity
    from otx.core.image_info import ImageInfo
    from otx.core.input_spec import InputSpec

    Merge = Callable[[Sequence[OTXBatchPredEntity[Any]], Sequence[Window], ImageInfo], OTXBatchPredEntity[Any]]


class TilingReader(TaskReader[Any], Protocol):
    """The reader of a task whose images can be cut into tiles."""

    def cut(self, annotation: Any, window: Window) -> Any:  # noqa: ANN401 - each task has its own compact form
        """The annotations of a part of an image as those of an image of its own; what is hardly in it is left out."""

    def object_sides(self, annotation: Any) -> npt.NDArray[Any]:  # noqa: ANN401
        """(N,) square root of the area of each object's box in pixels; none where a task knows no objects."""


@dataclass(frozen=True, slots=True)
class Tile(Item):
    """A part of an image, as an item of a data set: height, width and annotation are those of the tile alone.

    Attributes:
        window: Where it lies.
        image: Position of its image in the subset.
    """

    window: Window
    image: int


@dataclass(frozen=True)
class Tiling:
    """How the images of a data set are cut, and predictions on them merged.

    Attributes:
        reader: Of the task.
        batch_type: Of the task; collates samples.
        merge: Of the task.
        spec: Says how large tiles are.
    """

    reader: TilingReader
    batch_type: type[OTXBatchDataEntity[Any]]
    merge: Merge
    spec: InputSpec


def cut_items(items: Sequence[Item], reader: TilingReader, spec: InputSpec, *, train: bool) -> list[Tile]:
    """The tiles of images, in order.

    Args:
        items: Whole images.
        reader: Of the task.
        spec: Says how large tiles are.
        train: Leave out tiles without any annotation beyond the number of those with one, evenly.
    """
    tiles = [
        Tile(item.path, window.height, window.width, reader.cut(item.annotation, window), window, number)
        for number, item in enumerate(items)
        for window in tile_windows(item.height, item.width, spec.tile, spec.tile_overlap)
    ]
    if not train:
        return tiles
    empty = [number for number, tile in enumerate(tiles) if not len(reader.label_ids(tile.annotation))]
    most = len(tiles) - len(empty)
    kept = {empty[index * len(empty) // most] for index in range(most)} if 0 < most < len(empty) else set(empty)
    left_out = set(empty) - kept
    return [tile for number, tile in enumerate(tiles) if number not in left_out]


@dataclass
class TileMerger:
    """Collects predictions tile by tile and hands them out image by image, beside the truth about the whole image.

    Attributes:
        tiles: All `Tile`s of a subset.
        items: The images that they were cut from.
        tiling: How tiles were cut, and are merged.
    """

    tiles: Sequence[Any]
    items: Sequence[Item]
    tiling: Tiling
    _waiting: list[tuple[Tile, OTXBatchPredEntity[Any]]] = field(default_factory=list, init=False)

    def reset(self) -> None:
        """Forget what has not been handed out."""
        self._waiting = []

    def add(
        self, prediction: OTXBatchPredEntity[Any]
    ) -> Iterator[tuple[OTXBatchDataEntity[Any], OTXBatchPredEntity[Any]]]:
        """Take predictions on tiles, in their order; give truth and prediction of the images that are complete."""
        for position, info in enumerate(prediction.imgs_info):
            tile = self.tiles[info.index]
            if self._waiting and self._waiting[0][0].image != tile.image:
                yield from self.flush()
            self._waiting.append((tile, prediction.pick([position]).without_images().to("cpu")))

    def flush(self) -> Iterator[tuple[OTXBatchDataEntity[Any], OTXBatchPredEntity[Any]]]:
        """Truth and prediction of the last image."""
        if not self._waiting:
            return
        tiles, predictions = zip(*self._waiting, strict=True)
        self._waiting = []
        truth = self._truth(tiles[0].image)
        yield truth, self.tiling.merge(predictions, [tile.window for tile in tiles], truth.imgs_info[0])

    def _truth(self, number: int) -> OTXBatchDataEntity[Any]:
        """A batch of one whole image: its annotations, without pixels, which might not fit into memory twice."""
        import torch
        from torchvision import tv_tensors

        from otx.core.image_info import ImageInfo

        item = self.items[number]
        image = tv_tensors.Image(torch.empty((1, item.height, item.width), dtype=torch.uint8, device="meta"))
        info = ImageInfo(index=number, path=str(item.path), height=item.height, width=item.width)
        return self.tiling.batch_type.collate([self.tiling.reader.entity(image, info, item.annotation)])
