"""From Datumaro's annotations to clean boxes. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.tiles import Window, cut_boxes
from otx.data.reader import ObjectsReader, Report, Size, parts_of_objects

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.detection.entity import DetDataEntity

MIN_SIDE = 1.0
"""Boxes with a side shorter than this many pixels, after clipping, are dropped."""
CLIP_TOLERANCE = 0.01
"""Boxes that stick out by no more pixels than this are clipped without a word: text formats round."""
_KINDS = ("bbox", "polygon", "mask", "rotated_bbox", "ellipse")


class DetAnnotation(NamedTuple):
    """The boxes of one image.

    Attributes:
        boxes: (N, 4) float32 XYXY in pixels of the image.
        labels: (N,) int64 class indices.
    """

    boxes: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


class DetectionReader(ObjectsReader):
    """Reads boxes, and the bounding boxes of outlines that have none."""

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> DetAnnotation:
        """The boxes of one image, clipped to it; an image without boxes is legal.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each repair.
        """
        boxes: list[list[float]] = []
        ids: list[int] = []
        for box, label in _objects(item.annotations, report):
            if label is None or not 0 <= label < len(labels):
                report(f"box without a label left out: {_numbers(box)}")
                continue
            clipped = clip_box(box, size, report)
            if clipped is not None:
                boxes.append(clipped)
                ids.append(label)
        return DetAnnotation(np.array(boxes, np.float32).reshape(-1, 4), np.array(ids, np.int64))

    def cut(self, annotation: DetAnnotation, window: Window) -> DetAnnotation:
        """The boxes of a tile, clipped to it; those of which it shows too little are left out."""
        boxes, kept = cut_boxes(annotation.boxes, window)
        return DetAnnotation(boxes[kept], annotation.labels[kept])

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: DetAnnotation) -> DetDataEntity:
        """The sample that the transforms and the model get."""
        import torch
        from torchvision import tv_tensors

        from otx.tasks.detection.entity import DetDataEntity

        height, width = image.shape[-2:]
        boxes = tv_tensors.BoundingBoxes(torch.tensor(annotation.boxes), format="XYXY", canvas_size=(height, width))
        return DetDataEntity(image=image, img_info=info, bboxes=boxes, labels=torch.tensor(annotation.labels))


def _objects(annotations: Sequence[Any], report: Report) -> list[tuple[list[float], int | None]]:
    """XYXY and label of each object: its box, or else what spans the parts of its outline.

    Where an image has boxes, an outline that stands alone repeats one of them.
    """
    found: list[tuple[list[float], int | None]] = []
    objects = parts_of_objects(annotations, _KINDS, "a box", report)
    has_boxes = any(part.type.name == "bbox" for parts in objects for part in parts)
    for parts in objects:
        boxes = [[box] for box in boxes_of_object(parts, report)]
        outline = [part for part in parts if part.type.name != "bbox"] if parts[0].group or not has_boxes else []
        found += [(corners(some), some[0].label) for some in boxes or [outline] if some]
    return found


def boxes_of_object(parts: Sequence[Any], report: Report) -> list[Any]:
    """The boxes among the parts of an object; one without an area only fills a field if there are other parts."""
    boxes = [part for part in parts if part.type.name == "bbox"]
    kept = [box for box in boxes if not min(box.w, box.h) <= 0]
    if len(boxes) == len(parts) or len(kept) == len(boxes):
        return boxes
    report("box without an area left to the outline")
    return kept


def corners(parts: Sequence[Any]) -> list[float]:
    """XYXY of what spans the parts of an object."""
    spans = [part.get_bbox() for part in parts]
    return [
        float(min(x for x, _, _, _ in spans)),
        float(min(y for _, y, _, _ in spans)),
        float(max(x + w for x, _, w, _ in spans)),
        float(max(y + h for _, y, _, h in spans)),
    ]


def clip_box(box: list[float], size: Size, report: Report) -> list[float] | None:
    """A box within an image of that height and width; None, with a report, if too little of it is left."""
    height, width = size
    if not np.isfinite(box).all():
        report(f"box with a coordinate that is no number dropped: {_numbers(box)}")
        return None
    left, top, right, bottom = box
    clipped = [max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))]
    if clipped[2] - clipped[0] < MIN_SIDE or clipped[3] - clipped[1] < MIN_SIDE:
        report(f"empty box dropped: {_numbers(box)} in an image of {width}x{height}")
        return None
    if max(abs(a - b) for a, b in zip(clipped, box, strict=True)) > CLIP_TOLERANCE:
        report(f"box clipped to the image: {_numbers(box)} in an image of {width}x{height}")
    return clipped


def _numbers(box: list[float]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in box) + ")"
