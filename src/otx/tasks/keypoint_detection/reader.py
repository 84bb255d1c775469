"""From Datumaro's annotations to objects with keypoints. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.data.reader import ObjectsReader, Report, Size, label_names, parts_of_objects
from otx.tasks.detection.reader import boxes_of_object, clip_box, corners

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.keypoint_detection.entity import KeypointDataEntity

Floats = npt.NDArray[np.float32]
AREA_OF_BOX = 0.53
"""Where no area is given: COCO's is that of the mask; of a person it is that share of the box (as in xtcocotools)."""
_KINDS = ("points", "bbox", "polygon", "mask")


class KeypointAnnotation(NamedTuple):
    """The objects of one image.

    Attributes:
        boxes: (N, 4) XYXY in pixels of the image.
        labels: (N,) int64 class indices.
        keypoints: (N, K, 3) x and y in pixels of the image, and 0 not labelled, 1 hidden, 2 visible.
        areas: (N,) in square pixels of the image.
        flip_order: For each keypoint the index of the one that it becomes in a mirror.
    """

    boxes: Floats
    labels: npt.NDArray[np.int64]
    keypoints: Floats
    areas: Floats
    flip_order: tuple[int, ...]


class KeypointReader(ObjectsReader):
    """Reads boxes with keypoints; a box that is missing is what spans the keypoints or the outline."""

    unused = "it declares no keypoints"

    def classes(self, categories: dm.CategoriesInfo) -> Sequence[str]:
        """Those that declare keypoints; all, if none does."""
        return [*_declared(categories)] or label_names(categories)

    def label_info(self, categories: dm.CategoriesInfo) -> LabelInfo:
        """The classes in the order of the data set, and the keypoints that all of them share.

        Raises:
            UserError: No class has keypoints, or two have different ones.
        """
        skeletons = {name: _skeleton(entry) for name, entry in _declared(categories).items()}
        if not skeletons:
            msg = "no class declares keypoints; in COCO's format, a category has 'keypoints' with their names"
            raise UserError(msg)
        (first, skeleton), *others = skeletons.items()
        for name, other in others:
            if other.names != skeleton.names:
                raise UserError(
                    f"expected the same keypoints for all classes, found {', '.join(skeleton.names)} for {first} and "
                    f"{', '.join(other.names)} for {name}; train a model for each"
                )
        return LabelInfo(label_names(categories), keypoints=skeleton)

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> KeypointAnnotation:
        """The objects of one image, boxes clipped to it; an image without objects is legal.

        Args:
            item: The image as Datumaro read it.
            labels: The classes and the keypoints.
            size: Height and width of the image in pixels.
            report: Called with each repair.
        """
        boxes: list[list[float]] = []
        ids: list[int] = []
        keypoints: list[Floats] = []
        areas: list[float] = []
        for parts in parts_of_objects(item.annotations, _KINDS, "a box or keypoints", report):
            points_K3 = _points(parts, len(labels.keypoints), size, report)
            box = None if points_K3 is None else _box(parts, points_K3, report)
            clipped = None if box is None else clip_box(box, size, report)
            label = None if points_K3 is None or clipped is None else self.label_of(parts, labels, report)
            if points_K3 is None or clipped is None or label is None:
                continue
            boxes.append(clipped)
            ids.append(label)
            keypoints.append(points_K3)
            areas.append(_area(parts, clipped))
        return KeypointAnnotation(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(ids, np.int64),
            np.array(keypoints, np.float32).reshape(-1, len(labels.keypoints), 3),
            np.array(areas, np.float32),
            labels.keypoints.flip_order,
        )

    def objects(self, annotation: KeypointAnnotation) -> Iterator[tuple[Floats, KeypointAnnotation]]:
        """Each object with its box, for models that look at one at a time; those without a keypoint teach nothing."""
        boxes, labels, keypoints, areas, order = annotation
        for i in np.flatnonzero(keypoints[..., 2].any(axis=1)):
            one = slice(i, i + 1)
            yield boxes[i], KeypointAnnotation(boxes[one], labels[one], keypoints[one], areas[one], order)

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: KeypointAnnotation) -> KeypointDataEntity:
        """The sample that the transforms and the model get."""
        import torch
        from torchvision import tv_tensors

        from otx.tasks.keypoint_detection.entity import KeypointDataEntity

        size = (int(image.shape[-2]), int(image.shape[-1]))
        points = torch.tensor(annotation.keypoints)
        return KeypointDataEntity(
            image=image,
            img_info=info,
            bboxes=tv_tensors.BoundingBoxes(torch.tensor(annotation.boxes), format="XYXY", canvas_size=size),
            labels=torch.tensor(annotation.labels),
            keypoints=tv_tensors.KeyPoints(points[..., :2], canvas_size=size),
            visible=points[..., 2].long(),
            areas=torch.tensor(annotation.areas),
            flip_order=annotation.flip_order,
        )


def _declared(categories: dm.CategoriesInfo) -> dict[str, Any]:
    """Keypoints, as Datumaro has them, of the classes that declare some, in the order of the classes."""
    from datumaro import AnnotationType

    points = categories.get(AnnotationType.points)
    entries = {} if points is None else points.items
    return {
        name: entries[label]
        for label, name in enumerate(label_names(categories))
        if label in entries and entries[label].labels
    }


def _skeleton(category: Any) -> Skeleton:  # noqa: ANN401 - Datumaro's PointsCategories.Category
    """Names and lines of a class; COCO counts keypoints from 1, and lines to others are left out."""
    count = len(category.labels)
    edges = sorted((one - 1, other - 1) for one, other in category.joints)
    return Skeleton(tuple(category.labels), tuple(edge for edge in edges if all(0 <= end < count for end in edge)))


def _points(parts: Sequence[Any], count: int, size: Size, report: Report) -> Floats | None:
    """The keypoints of an object, none of them labelled where it has none; None: they are not those of the data set."""
    found = [part for part in parts if part.type.name == "points"]
    if not found:
        return np.zeros((count, 3), np.float32)
    places = np.array(found[0].points, np.float32).reshape(-1, 2)
    visible = np.array([int(mark) for mark in found[0].visibility], np.float32)
    if len(places) != count:
        report(f"object left out whose keypoints are not as many as are declared: {len(places)}, not {count}")
        return None
    height, width = size
    inside = ((places >= 0) & (places <= (width, height))).all(axis=1)
    outside = int(((visible > 0) & ~inside).sum())
    if outside:
        report(f"keypoint outside of the image counted as not labelled: {outside} of an object")
    return np.hstack([places, (visible * inside)[:, None]]).astype(np.float32)


def _box(parts: Sequence[Any], points_K3: Floats, report: Report) -> list[float] | None:
    """XYXY: the box of an object, or what spans its outline, or its keypoints."""
    boxes = boxes_of_object(parts, report)
    outlines = [part for part in parts if part.type.name in ("polygon", "mask")]
    if boxes or outlines:
        return corners(boxes[:1] or outlines)
    labelled = points_K3[points_K3[:, 2] > 0, :2]
    if not len(labelled):
        report("object without a box and without a labelled keypoint left out")
        return None
    report("box made from keypoints")
    return [float(value) for value in (*labelled.min(axis=0), *labelled.max(axis=0))]


def _area(parts: Sequence[Any], box: Sequence[float]) -> float:
    """The area that the data set gives an object, or what is usual for its box."""
    given = [float(part.attributes.get("area", 0)) for part in parts]
    return max(given) or AREA_OF_BOX * (box[2] - box[0]) * (box[3] - box[1])
