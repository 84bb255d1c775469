"""From Datumaro's annotations to the one label of an image. Imports torch only when a sample is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.data.reader import NamesReader, Report, Size

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

    from otx.tasks.multi_class_classification.entity import MultiClassClsDataEntity


class MultiClassClsReader(NamesReader):
    """Reads exactly one label per image; an image's compact annotation is its class index."""

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> int | None:
        """The class index of one image; an image without a label or with several is reported and left out.

        Args:
            item: The image as Datumaro read it.
            labels: The classes.
            size: Height and width of the image in pixels.
            report: Called with each oddity.
        """
        others = sorted({annotation.type.name for annotation in item.annotations if annotation.type.name != "label"})
        for kind in others:
            report(f"annotation inside the image ignored: {kind}")
        found = sorted({annotation.label for annotation in item.annotations if annotation.type.name == "label"})
        for index in [index for index in found if not 0 <= index < len(labels)]:
            report(f"label that the data set does not declare ignored: {index}")
            found.remove(index)
        if not found:
            report("image without a label left out")
            return None
        if len(found) > 1:
            report(f"image with several labels left out: {', '.join(labels.names[index] for index in found)}")
            return None
        return int(found[0])

    def label_ids(self, annotation: int) -> Sequence[int]:
        """The class index, as a sequence of one."""
        return [annotation]

    def entity(self, image: tv_tensors.Image, info: ImageInfo, annotation: int) -> MultiClassClsDataEntity:
        """The sample that the transforms and the model get."""
        import torch

        from otx.tasks.multi_class_classification.entity import MultiClassClsDataEntity

        return MultiClassClsDataEntity(image=image, img_info=info, label=torch.tensor(annotation))
