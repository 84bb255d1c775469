"""From Datumaro's annotations to objects with outlines. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import Rle, boxes_of, from_pixels, from_polygons, to_pixels, union
from otx.data.reader import label_names

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.visual_prompting.entity import PromptDataEntity

MIN_PIXELS = 4
"""Objects of fewer pixels are dropped: there is no telling them from noise, nor anything to click on."""


class PromptAnnotation(NamedTuple):
    """The objects of one image.

    Attributes:
        masks: Their pixels, as run lengths.
        labels: (N,) int64 class indices.
    """

    masks: list[Rle]
    labels: npt.NDArray[np.int64]


class PromptReader:
    """Reads outlines: polygons, and masks of single objects; objects that have only a box cannot be learned from."""

    def label_info(self, categories: dm.CategoriesInfo) -> LabelInfo:
        """The classes in the order of the data set."""
        return LabelInfo(label_names(categories))

    def annotation(
        self, item: dm.DatasetItem, labels: LabelInfo, size: tuple[int, int], report: Callable[[str], None]
    ) -> PromptAnnotation:
        """The objects of one image; an image without objects is legal.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each oddity.
        """
        masks: list[Rle] = []
        ids: list[int] = []
        for parts in _objects(item.annotations, report):
            label = parts[0].label
            if label is None or not 0 <= label < len(labels):
                report("outline without a label left out")
                continue
            mask = union([_rle(part, size) for part in parts])
            if to_pixels([mask], size).sum() < MIN_PIXELS:
                report(f"outline of fewer than {MIN_PIXELS} pixels dropped")
                continue
            masks.append(mask)
            ids.append(label)
        return PromptAnnotation(masks, np.array(ids, np.int64))

    def label_ids(self, annotation: PromptAnnotation) -> Sequence[int]:
        """Class index of each object."""
        return [int(label) for label in annotation.labels]

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: PromptAnnotation) -> PromptDataEntity:
        """The sample that the transforms and the model get."""
        import torch
        from torchvision import tv_tensors

        from otx.tasks.visual_prompting.entity import PromptDataEntity

        size = (image.shape[-2], image.shape[-1])
        boxes = torch.tensor(boxes_of(annotation.masks), dtype=torch.float32)
        return PromptDataEntity(
            image=image,
            img_info=info,
            bboxes=tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=size),
            labels=torch.tensor(annotation.labels),
            masks=tv_tensors.Mask(torch.from_numpy(to_pixels(annotation.masks, size)).bool()),
        )


def _objects(annotations: Sequence[Any], report: Callable[[str], None]) -> list[list[Any]]:
    """The outlines of each object; its parts share a group, and group 0 means that an outline stands alone."""
    outlines: dict[int, list[Any]] = {}
    boxes: list[int] = []
    for position, annotation in enumerate(annotations):
        kind = annotation.type.name
        if annotation.attributes.get("is_crowd"):
            report("crowd region left out")
        elif kind in ("polygon", "mask"):
            outlines.setdefault(annotation.group or -1 - position, []).append(annotation)
        elif kind == "bbox":
            boxes.append(annotation.group)
        else:
            report(f"annotation without an outline ignored: {kind}")
    for group in boxes:
        if group not in outlines:
            report("box without an outline left out")
    return list(outlines.values())


def _rle(part: Any, size: tuple[int, int]) -> Rle:  # noqa: ANN401 - datumaro's annotation
    return from_polygons([part.points], size) if part.type.name == "polygon" else from_pixels(part.image)
