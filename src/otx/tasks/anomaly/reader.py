"""From Datumaro's annotations to a defect and the file of its mask. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.data.formats.mvtec import ANOMALOUS, DEFECT, MASK_FILE, NORMAL
from otx.data.images import BrokenImageError, image_size, read_mask
from otx.data.reader import Report, Size

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.anomaly.entity import AnomalyDataEntity


class AnomalyAnnotation(NamedTuple):
    """What is wrong with one image.

    Attributes:
        defect: Kind of the defect; empty for a normal image.
        mask: File that shows where it is; None where there is none.
    """

    defect: str
    mask: Path | None


class AnomalyReader:
    """Reads images that are normal or have a defect of some kind."""

    def label_info(self, categories: dm.CategoriesInfo) -> LabelInfo:
        """Normal and anomalous; kinds of defects are not labels, because training knows none."""
        return LabelInfo((NORMAL, ANOMALOUS))

    def annotation(
        self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report
    ) -> AnomalyAnnotation | None:
        """The defect of one image; an image that does not say whether it has one, or has a broken mask, is left out.

        Args:
            item: The image as Datumaro read it.
            labels: Normal and anomalous.
            size: Height and width of the image in pixels.
            report: Called with each oddity.
        """
        defects = [one.attributes[DEFECT] for one in item.annotations if DEFECT in one.attributes]
        files = [Path(one.attributes[MASK_FILE]) for one in item.annotations if MASK_FILE in one.attributes]
        if len(defects) != 1:
            report("image that is neither normal nor of a defect left out")
            return None
        for file in files:
            try:
                mask_size = image_size(file)
            except BrokenImageError as error:
                report(f"image with a broken mask left out: {error}")
                return None
            if mask_size != size:
                report(f"mask resized to its image: {file.name} is {mask_size[1]}x{mask_size[0]}")
        return AnomalyAnnotation(defects[0], files[0] if files else None)

    def label_ids(self, annotation: AnomalyAnnotation) -> Sequence[int]:
        """0 for a normal image and 1 for any other."""
        return [int(bool(annotation.defect))]

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: AnomalyAnnotation) -> AnomalyDataEntity:
        """The sample that the transforms and the model get."""
        import cv2
        import torch
        from torchvision import tv_tensors

        from otx.tasks.anomaly.entity import AnomalyDataEntity

        height, width = image.shape[-2:]
        mask = np.zeros((height, width), np.uint8)
        if annotation.mask is not None:
            drawn = read_mask(annotation.mask).astype(np.uint8)
            mask = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
        return AnomalyDataEntity(
            image=image,
            img_info=info,
            label=torch.tensor(int(bool(annotation.defect))),
            mask=tv_tensors.Mask(torch.from_numpy(mask)),
            defect=annotation.defect,
        )
