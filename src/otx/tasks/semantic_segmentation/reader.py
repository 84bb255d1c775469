"""From Datumaro's annotations to a class per pixel. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import IGNORED, cropped, decode_rle, fill_polygons, from_json, from_pixels, from_runs, to_json
from otx.core.tiles import Window
from otx.data.reader import Report, Size, label_names

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.semantic_segmentation.entity import SegDataEntity

BACKGROUND = "background"
Pixels = npt.NDArray[np.integer[Any]]


class ClassMap(NamedTuple):
    """A mask file.

    Attributes:
        read: Gives its (H, W) values.
        values: Those that stand for a class, ascending.
        labels: The class of each of them.
    """

    read: Callable[[], Pixels]
    values: tuple[int, ...]
    labels: tuple[int, ...]


class Shape(NamedTuple):
    """An object with an outline.

    Attributes:
        label: Its class.
        area: Its size in pixels.
        polygons: Outlines of its parts, x, y, x, y, ...
        rle: Its mask by run lengths, if it has no outlines.
    """

    label: int
    area: float
    polygons: tuple[npt.NDArray[np.float32], ...] = ()
    rle: dict[str, Any] | None = None


class SegAnnotation(NamedTuple):
    """What the pixels of one image show; nothing is decoded before a sample is made.

    Attributes:
        fill: The class of pixels about which nothing else is said, or `IGNORED`.
        maps: Mask files.
        shapes: Objects, the largest first; where they overlap, the smaller one hides the larger.
        present: Classes in the image.
    """

    fill: int
    maps: tuple[ClassMap, ...]
    shapes: tuple[Shape, ...]
    present: tuple[int, ...]


class SegmentationReader:
    """Reads mask files, and outlines of objects, of which it forgets which object is which.

    A mask file says something about each pixel, or the pixel is ignored. Where there are only outlines, what they leave
    free is `background`: the class of that name, or one that is put behind the others.
    """

    def label_info(self, categories: dm.CategoriesInfo) -> LabelInfo:
        """The classes in the order of the data set, and `background` behind them if there are no mask files.

        Raises:
            UserError: There are more than a mask can tell apart.
        """
        from datumaro import AnnotationType

        names = label_names(categories)
        if AnnotationType.mask not in categories and _background(names) is None:
            names = (*names, BACKGROUND)
        if len(names) > IGNORED:
            raise UserError(f"expected at most {IGNORED} classes, one byte per pixel, found {len(names)}")
        return LabelInfo(names)

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> SegAnnotation:
        """What is known about the pixels of one image; one without any outline shows background only.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each oddity.
        """
        entries = [one for one in item.annotations if _is_class(one.label, labels, report)]
        maps = _class_maps([one for one in entries if hasattr(one, "index_mask")])
        shapes = _shapes([one for one in entries if not hasattr(one, "index_mask")], size, report)
        known = [label for one in maps for label in one.labels] + [shape.label for shape in shapes]
        background = _background(labels.names)
        fill = IGNORED if maps or background is None else background
        return SegAnnotation(fill, maps, shapes, tuple(sorted(set(known))))

    def label_ids(self, annotation: SegAnnotation) -> Sequence[int]:
        """The classes that are somewhere in the image, each once."""
        return annotation.present

    def cut(self, annotation: SegAnnotation, window: Window) -> SegAnnotation:
        """What the pixels of a tile show; nothing is decoded yet."""
        maps = tuple(one._replace(read=partial(_part, one.read, window)) for one in annotation.maps)
        shapes = tuple(cut for shape in annotation.shapes if (cut := _cut_shape(shape, window)) is not None)
        return annotation._replace(maps=maps, shapes=shapes)

    def object_sides(self, annotation: SegAnnotation) -> npt.NDArray[np.float32]:
        """None: pixels belong to no object."""
        return np.zeros(0, np.float32)

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: SegAnnotation) -> SegDataEntity:
        """The sample that the transforms and the model get."""
        import torch
        from torchvision import tv_tensors

        from otx.tasks.semantic_segmentation.entity import SegDataEntity

        height, width = image.shape[-2:]
        pixels = np.full((height, width), annotation.fill, dtype=np.uint8)
        for one in annotation.maps:
            _paint_map(pixels, one)
        for shape in annotation.shapes:
            polygons = [part.tolist() for part in shape.polygons]
            inside = decode_rle(shape.rle) if shape.rle else fill_polygons(polygons, (height, width))
            pixels[inside > 0] = shape.label
        return SegDataEntity(image=image, img_info=info, mask=tv_tensors.Mask(torch.from_numpy(pixels)))


def _background(names: Sequence[str]) -> int | None:
    return next((index for index, name in enumerate(names) if name.casefold() == BACKGROUND), None)


def _is_class(label: int | None, labels: LabelInfo, report: Report) -> bool:
    known = label is not None and 0 <= label < len(labels)
    if not known:
        report(f"annotation without a label left out: {label}")
    return known


def _class_maps(masks: Sequence[Any]) -> tuple[ClassMap, ...]:
    files: dict[int, list[Any]] = {}
    for mask in sorted(masks, key=lambda one: int(one.index)):
        files.setdefault(id(mask.index_mask), []).append(mask)
    return tuple(
        ClassMap(same[0].index_mask, tuple(int(one.index) for one in same), tuple(int(one.label) for one in same))
        for same in files.values()
    )


def _paint_map(pixels: npt.NDArray[np.uint8], one: ClassMap) -> None:
    found, values = one.read(), np.array(one.values)
    place = np.searchsorted(values, found).clip(max=len(values) - 1)
    known = values[place] == found
    pixels[known] = np.array(one.labels, dtype=np.uint8)[place[known]]


def _part(read: Callable[[], Pixels], window: Window) -> Pixels:
    top, left, height, width = window
    return read()[top : top + height, left : left + width]


def _cut_shape(shape: Shape, window: Window) -> Shape | None:
    """The outline of an object in pixels of a tile; None if it lies elsewhere."""
    if shape.rle:
        rle = cropped(from_json(shape.rle), window)
        return shape._replace(rle=to_json(rle)) if rle is not None else None
    moved = [(part.reshape(-1, 2) - (window.left, window.top)).astype(np.float32) for part in shape.polygons]
    corners = np.concatenate(moved)
    inside = (corners.max(axis=0) > 0).all() and (corners.min(axis=0) < (window.width, window.height)).all()
    return shape._replace(polygons=tuple(part.ravel() for part in moved)) if inside else None


def _shapes(entries: Sequence[Any], size: Size, report: Report) -> tuple[Shape, ...]:
    """The objects, the largest first. Parts of one share a group; group 0 means that an annotation stands alone."""
    shapes: list[Shape] = []
    outlines: dict[int, list[Any]] = {}
    outlined = {one.group for one in entries if one.type.name in ("polygon", "mask")} - {0}
    for position, one in enumerate(entries):
        kind = one.type.name
        if kind == "polygon":
            outlines.setdefault(one.group or -1 - position, []).append(one)
        elif kind == "mask":
            given = one.rle if hasattr(one, "rle") else from_pixels(one.image)
            rle = to_json(from_runs(given["counts"], given["size"]))
            if list(rle["size"]) == list(size):
                shapes.append(Shape(one.label, float(decode_rle(rle).sum()), rle=rle))
            else:
                report(f"mask of another size than its image left out: {rle['size']}, not {list(size)}")
        elif kind != "bbox" or one.group not in outlined:
            report(f"annotation without an outline ignored: {kind}")
    for parts in outlines.values():
        polygons = tuple(np.array(part.points, dtype=np.float32) for part in parts)
        shapes.append(Shape(parts[0].label, sum(float(part.get_area()) for part in parts), polygons))
    return tuple(sorted(shapes, key=lambda shape: -shape.area))
