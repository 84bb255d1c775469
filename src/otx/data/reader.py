"""The seam between data and tasks: a task's reader is the only part of it that knows Datumaro."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo

if TYPE_CHECKING:
    import datumaro as dm
    from torchvision import tv_tensors

SampleT_co = TypeVar("SampleT_co", covariant=True)
"""The task's `OTXDataEntity`; the bound is left out because naming it would import torch."""


class TaskReader(Protocol[SampleT_co]):
    """Turns Datumaro items into what a task needs, in two steps: once when a data set is read, and once per epoch.

    Implemented in `otx/tasks/<task>/reader.py` and built with no arguments. The module must import torch only when
    `entity` is called (or under TYPE_CHECKING): `otx check` never gets there and stays quick.
    """

    def label_info(self, categories: dm.CategoriesInfo) -> LabelInfo:
        """The classes, in an order that depends on the data set's content only.

        Args:
            categories: What Datumaro knows of the classes; `label_names` of this module gives the plain names, merged
                where a name occurs twice.
        """

    def annotation(
        self, item: dm.DatasetItem, labels: LabelInfo, size: tuple[int, int], report: Callable[[str], None]
    ) -> Any | None:  # noqa: ANN401 - each task has its own compact form
        """The annotations of one image in the task's compact form (numpy), clipped to the image and cleaned.

        Args:
            item: The image as Datumaro read it; `item.annotations[i].label` is an index into `labels`.
            labels: The classes.
            size: Height and width in pixels of the image as it is shown (EXIF orientation applied).
            report: Called once per repair or oddity with a short phrase that is counted by kind, for example
                `"box clipped to the image"`; details that differ from item to item follow a colon.

        Returns:
            What `label_ids` and `entity` of this reader take. None: the image cannot serve the task and is left out
            (say why through `report`); an image without objects is legal for tasks that have them.
        """

    def label_ids(self, annotation: Any) -> Sequence[int]:  # noqa: ANN401
        """Class index of each object (or label) of an image, for counts and stratified splits."""

    def entity(self, image: tv_tensors.Image | tv_tensors.Video, info: ImageInfo, annotation: Any) -> SampleT_co:  # noqa: ANN401
        """The sample that the transforms and the model get; `annotation` must not be changed."""


def label_names(categories: dm.CategoriesInfo) -> tuple[str, ...]:
    """Class names of a data set in Datumaro's order, which is the order of `Label.label` and `Bbox.label`.

    `otx.data.source` has merged classes of equal name already.
    """
    from datumaro import AnnotationType

    return tuple(item.name for item in categories[AnnotationType.label].items)
