"""What the content of a data set says about the task it was made for. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Counts over a whole data set, from which each task judges whether the data set is meant for it.

    Attributes:
        format: Name of the data format that was recognised, for example `coco`.
        items: Number of images.
        annotations: Number of annotations by kind: `label`, `bbox`, `rotated_bbox`, `polygon`, `mask`, `points`, and
            `class_mask`, a mask of all that an image shows of a class.
        unlabelled: Number of images without any annotation.
        max_image_labels: The most whole-image labels that one image has.
        label_groups: Sizes of the label groups that the categories declare, in falling order.
        parents: Number of labels that lie below another one.
        rectangles: Number of polygons that are rectangles.
        slanted: How many of those stand at an angle to the image.
        videos: Number of items that are videos or folders of frames instead of images.
    """

    format: str
    items: int
    annotations: Mapping[str, int]
    unlabelled: int = 0
    max_image_labels: int = 0
    label_groups: tuple[int, ...] = ()
    parents: int = 0
    rectangles: int = 0
    slanted: int = 0
    videos: int = 0

    def count(self, *kinds: str) -> int:
        """Number of annotations of the given kinds together."""
        return sum(self.annotations.get(kind, 0) for kind in kinds)


@dataclass(frozen=True)
class Claim:
    """How well a data set fits a task.

    Attributes:
        fit: 0 (barely) to 1 (made for it); the highest claim wins.
        reason: The evidence in words, shown to the user.
    """

    fit: float
    reason: str
