"""From Datumaro's annotations to the labels of an image. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.data.reader import NamesReader, Report, Size

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.multi_label_classification.entity import MultiLabelClsDataEntity

Flags = npt.NDArray[np.bool_]


class MultiLabelClsReader(NamesReader):
    """Reads which labels occur, as labels of the image or of objects in it; the compact annotation is (C,) bool."""

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> Flags:
        """The labels of one image; none is legal.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each oddity.
        """
        flags = np.zeros(len(labels), np.bool_)
        for annotation in item.annotations:
            label = getattr(annotation, "label", None)
            if label is None:
                report(f"annotation without a label ignored: {annotation.type.name}")
            elif 0 <= label < len(labels):
                flags[label] = True
            else:
                report(f"label that the data set does not declare ignored: {label}")
        return flags

    def label_ids(self, annotation: Flags) -> Sequence[int]:
        """Class indices of the labels."""
        return [int(index) for index in annotation.nonzero()[0]]

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: Flags) -> MultiLabelClsDataEntity:
        """The sample that the transforms and the model get."""
        import torch

        from otx.tasks.multi_label_classification.entity import MultiLabelClsDataEntity

        return MultiLabelClsDataEntity(image=image, img_info=info, labels=torch.tensor(annotation))
