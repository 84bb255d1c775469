"""From Datumaro's annotations to masks as run lengths. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import Rle, boxes_of, cropped, from_pixels, from_polygons, from_runs, to_pixels, union
from otx.core.tiles import Window, cut_boxes
from otx.data.reader import ObjectsReader, Report, Size, parts_of_objects

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.instance_segmentation.entity import InstanceSegDataEntity

_POLYGONS = {"polygon": lambda one: one.points, "rotated_bbox": lambda one: one.as_polygon(),
             "ellipse": lambda one: one.as_polygon()}  # fmt: skip
_KINDS = {"bbox", "mask", *_POLYGONS}
MIN_SIDE = 1.0
"""Objects whose box has a side shorter than this many pixels, within the image, are dropped."""


class InstanceSegAnnotation(NamedTuple):
    """The objects of one image.

    Attributes:
        boxes: (N, 4) float32 XYXY in pixels of the image.
        labels: (N,) int64 class indices.
        rles: N masks in pixels of the image.
    """

    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    rles: tuple[Rle, ...]


class InstanceSegReader(ObjectsReader):
    """Reads polygons, masks and run lengths; the parts of an object are joined."""

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> InstanceSegAnnotation:
        """The objects of one image, cut to it; an image without objects is legal.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each repair.
        """
        boxes: list[npt.NDArray[np.float64]] = []
        ids: list[int] = []
        rles: list[Rle] = []
        for parts in parts_of_objects(item.annotations, _KINDS, "an outline", report):
            outlines = [rle for part in parts if (rle := _outline(part, size, report)) is not None]
            if not outlines:
                report("object without an outline left out")
                continue
            label = self.label_of(parts, labels, report)
            if label is None:
                continue
            rle = union(outlines)
            box = _box(parts, rle, size, report)
            if min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE:
                report("empty outline dropped")
                continue
            boxes.append(box)
            ids.append(label)
            rles.append(rle)
        return InstanceSegAnnotation(np.array(boxes, np.float32).reshape(-1, 4), np.array(ids, np.int64), tuple(rles))

    def cut(self, annotation: InstanceSegAnnotation, window: Window) -> InstanceSegAnnotation:
        """The objects of a tile, cut to it; those of which it shows too little are left out."""
        boxes, kept = cut_boxes(annotation.boxes, window)
        rles = [cropped(rle, window) if keep else None for rle, keep in zip(annotation.rles, kept, strict=True)]
        shown = [index for index, rle in enumerate(rles) if rle is not None]
        return InstanceSegAnnotation(
            boxes[shown], annotation.labels[shown], tuple(rle for rle in rles if rle is not None)
        )

    def entity(
        self, image: tv_tensors.Image, info: ImageInfo, annotation: InstanceSegAnnotation
    ) -> InstanceSegDataEntity:
        """The sample that the transforms and the model get; only here masks become pixels."""
        import torch
        from torchvision import tv_tensors

        from otx.tasks.instance_segmentation.entity import InstanceSegDataEntity

        height, width = image.shape[-2:]
        return InstanceSegDataEntity(
            image=image,
            img_info=info,
            bboxes=tv_tensors.BoundingBoxes(torch.tensor(annotation.boxes), format="XYXY", canvas_size=(height, width)),
            labels=torch.tensor(annotation.labels),
            masks=tv_tensors.Mask(torch.from_numpy(to_pixels(annotation.rles, (height, width)))),
            rles=list(annotation.rles),
        )


def _outline(part: Any, size: Size, report: Report) -> Rle | None:  # noqa: ANN401
    """The mask of a part of an object; None for its box."""
    kind = part.type.name
    if kind in _POLYGONS:
        points = _POLYGONS[kind](part)
        if np.isfinite(points).all():
            return from_polygons([points], size)
        report("polygon with a coordinate that is no number dropped")
        return None
    if kind == "bbox":
        return None
    # Datumaro keeps run lengths as COCO's files have them.
    given = part.rle if hasattr(part, "rle") else from_pixels(part.image)
    rle = from_runs(given["counts"], given["size"])
    if tuple(rle["size"]) == size:
        return rle
    report(f"mask of another size than its image dropped: {rle['size'][1]}x{rle['size'][0]}")
    return None


def _box(parts: Sequence[Any], rle: Rle, size: Size, report: Report) -> npt.NDArray[np.float64]:
    """The annotated box, cut to the image, or what spans the mask."""
    boxes = [part for part in parts if part.type.name == "bbox"]
    given = [box.points for box in boxes if np.isfinite(box.points).all() and min(box.w, box.h) > 0]
    if not given:
        if boxes:
            report("box without an area left to the outline")
        box: npt.NDArray[np.float64] = boxes_of([rle])[0]
        return box
    limits = np.array([size[1], size[0], size[1], size[0]], np.float64)
    return np.clip(np.array(given[0], np.float64), 0.0, limits)
