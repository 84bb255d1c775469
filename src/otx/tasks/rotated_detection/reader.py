"""From Datumaro's annotations to rotated boxes. Imports torch only when a sample is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.rotated_boxes import around
from otx.core.tiles import Window, cut_boxes
from otx.data.reader import ObjectsReader, Report, Size, parts_of_objects

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.rotated_detection.entity import RotatedDetDataEntity

MIN_SIDE = 1.0
"""Objects of which less than this many pixels, down or across, lie in the image are dropped."""
_KINDS = ("bbox", "rotated_bbox", "polygon", "mask", "ellipse")


class RotatedDetAnnotation(NamedTuple):
    """The rotated boxes of one image.

    Attributes:
        corners: (N, 4, 2) float32 in pixels of the image, in order around each box.
        labels: (N,) int64 class indices.
    """

    corners: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    @property
    def boxes(self) -> npt.NDArray[np.float32]:
        """(N, 4) XYXY of the upright boxes around them."""
        return np.concatenate([self.corners.min(axis=1), self.corners.max(axis=1)], axis=1)


class RotatedDetReader(ObjectsReader):
    """Reads rotated boxes, and the rectangle of least area around any other outline."""

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> RotatedDetAnnotation:
        """The rotated boxes of one image; corners outside it are kept, since cutting would turn the box.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each repair.
        """
        corners: list[npt.NDArray[np.float32]] = []
        ids: list[int] = []
        for parts in parts_of_objects(item.annotations, _KINDS, "a box", report):
            outlines = _outlines(parts, report)
            points = np.concatenate([_points(part) for part in outlines]).reshape(-1, 2)
            label = self.label_of(outlines, labels, report)
            if label is None:
                continue
            if not np.isfinite(points).all():
                report("box with a coordinate that is no number dropped")
            elif not len(points) or min(_visible(points, size)) < MIN_SIDE:
                report("empty box dropped")
            else:
                corners.append(around(points))
                ids.append(label)
        return RotatedDetAnnotation(np.array(corners, np.float32).reshape(-1, 4, 2), np.array(ids, np.int64))

    def cut(self, annotation: RotatedDetAnnotation, window: Window) -> RotatedDetAnnotation:
        """The boxes of a tile, whole; those of which it shows too little are left out."""
        _, kept = cut_boxes(annotation.boxes, window)
        moved = annotation.corners[kept] - np.array([window.left, window.top], np.float32)
        return RotatedDetAnnotation(moved, annotation.labels[kept])

    def entity(
        self, image: tv_tensors.Image, info: ImageInfo, annotation: RotatedDetAnnotation
    ) -> RotatedDetDataEntity:
        """The sample that the transforms and the model get."""
        import torch
        from torchvision import tv_tensors

        from otx.tasks.rotated_detection.entity import RotatedDetDataEntity

        size = (int(image.shape[-2]), int(image.shape[-1]))
        corners = torch.tensor(annotation.corners)
        hulls = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
        hulls = hulls.clamp_min(0).minimum(torch.tensor([size[1], size[0]] * 2))
        return RotatedDetDataEntity(
            image=image,
            img_info=info,
            bboxes=tv_tensors.BoundingBoxes(hulls, format="XYXY", canvas_size=size),
            corners=tv_tensors.KeyPoints(corners, canvas_size=size),
            labels=torch.tensor(annotation.labels),
        )


def _outlines(parts: list[Any], report: Report) -> list[Any]:
    """The outline of an object in its parts, or its upright box where there is nothing else."""
    outlines = [part for part in parts if part.type.name != "bbox"]
    if not outlines:
        report("upright box read as a rotated one")
    return outlines or parts[:1]


def _points(part: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401 - Datumaro's annotations have no common type
    """x, y, x, y, ... of an outline."""
    kind = part.type.name
    if kind == "bbox":
        left, top, right, bottom = part.points
        return np.array([left, top, right, top, right, bottom, left, bottom])
    if kind == "mask":
        outlines, _ = cv2.findContours(np.asarray(part.image, np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cells = [outline.reshape(-1, 2) + offset for outline in outlines for offset in ((0, 0), (0, 1), (1, 0), (1, 1))]
        return np.concatenate(cells).astype(np.float64).ravel() if cells else np.zeros(0)
    return np.ravel(part.points if kind == "polygon" else part.as_polygon()).astype(np.float64)


def _visible(points_K2: npt.NDArray[np.float64], size: Size) -> tuple[float, float]:
    """Width and height of what lies in the image."""
    inside = points_K2.clip(0, (size[1], size[0]))
    across, down = (inside.max(axis=0) - inside.min(axis=0)).tolist()
    return across, down
