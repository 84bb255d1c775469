"""From Datumaro's annotations to the true labels of a tree. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.data.reader import Report, Size, label_hierarchy

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.hierarchical_classification.entity import HLabelClsDataEntity

Flags = npt.NDArray[np.bool_]


class HLabelClsReader:
    """Reads whole-image labels and adds those that they lie below; the compact annotation is (C,) bool."""

    def label_info(self, categories: dm.CategoriesInfo) -> LabelInfo:
        """The classes in the order of the data set, with their groups and parents."""
        return label_hierarchy(categories)

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> Flags | None:
        """The labels of one image; an image that contradicts the tree, or says nothing, is reported and left out.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each oddity.
        """
        true: set[str] = set()
        for annotation in item.annotations:
            if annotation.type.name != "label":
                report(f"annotation inside the image ignored: {annotation.type.name}")
            elif 0 <= annotation.label < len(labels):
                true.update(labels.path(labels.names[annotation.label]))
            else:
                report(f"label that the data set does not declare ignored: {annotation.label}")
        for group in labels.questions():
            both = [label for label in group.labels if label in true]
            if group.exclusive and len(both) > 1:
                report(f"image with labels that exclude each other left out: {', '.join(both)}")
                return None
        if not true and any(group.exclusive and not group.parent for group in labels.questions()):
            report("image without a label left out")
            return None
        return np.array([name in true for name in labels.names], np.bool_)

    def label_ids(self, annotation: Flags) -> Sequence[int]:
        """Indices of the true labels."""
        return [int(index) for index in annotation.nonzero()[0]]

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: Flags) -> HLabelClsDataEntity:
        """The sample that the transforms and the model get."""
        import torch

        from otx.tasks.hierarchical_classification.entity import HLabelClsDataEntity

        return HLabelClsDataEntity(image=image, img_info=info, labels=torch.tensor(annotation))
