"""The seam between data and tasks: a task's reader is the only part of it that knows Datumaro."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelGroup, LabelInfo
from otx.core.tiles import sides_of

if TYPE_CHECKING:
    import datumaro as dm
    import numpy as np
    import numpy.typing as npt
    from torchvision import tv_tensors

SampleT_co = TypeVar("SampleT_co", covariant=True)
"""The task's `OTXDataEntity`; the bound is left out because naming it would import torch."""
Size = tuple[int, int]
"""Height and width in pixels."""
Report = Callable[[str], None]
"""Takes a short phrase for each repair or oddity; see `TaskReader.annotation`."""


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

    def annotation(self, item: dm.DatasetItem, labels: LabelInfo, size: Size, report: Report) -> Any | None:  # noqa: ANN401 - each task has its own compact form
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


@runtime_checkable
class ChoosingReader(Protocol):
    """The reader of a task that has no use for some classes of a data set."""

    unused: str
    """Why those are left out that `classes` does not name."""

    def classes(self, categories: dm.CategoriesInfo) -> Sequence[str]:
        """Names of the classes that it has a use for, in their order; all, if it has none for any."""


class NamesReader:
    """The part of a reader that is the same for all tasks whose labels are plain names."""

    def label_info(self, categories: dm.CategoriesInfo) -> LabelInfo:
        """The classes in the order of the data set."""
        return LabelInfo(label_names(categories))


class ObjectsReader(NamesReader):
    """The like for tasks with objects, whose compact form has `labels`, (N,) class indices, and `boxes`, (N, 4)."""

    def label_ids(self, annotation: Any) -> Sequence[int]:  # noqa: ANN401 - each task has its own
        """Class index of each object."""
        return [int(label) for label in annotation.labels]

    def object_sides(self, annotation: Any) -> npt.NDArray[np.float32]:  # noqa: ANN401
        """(N,) square root of the area of each object's box, where images can be cut into tiles."""
        return sides_of(annotation.boxes)

    def label_of(self, parts: Sequence[Any], labels: LabelInfo, report: Report) -> int | None:
        """The class of an object; None, with a report, where it has none."""
        label = parts[0].label
        if label is None or not 0 <= label < len(labels):
            report("object without a label left out")
            return None
        return int(label)


def parts_of_objects(
    annotations: Sequence[Any], kinds: Collection[str], missing: str, report: Report
) -> list[list[Any]]:
    """The annotations of each object: its parts share a group; group 0 means that an annotation stands alone.

    Args:
        annotations: All of an image.
        kinds: Names of Datumaro's types that say something of an object.
        missing: What the others lack, in words.
        report: Called with each annotation that is left out.
    """
    found: dict[int, list[Any]] = {}
    crowds: set[int] = set()
    for position, annotation in enumerate(annotations):
        if annotation.attributes.get("is_crowd"):
            if (key := annotation.group or -1 - position) not in crowds:
                report("crowd region left out")
            crowds.add(key)
        elif annotation.type.name in kinds:
            found.setdefault(annotation.group or -1 - position, []).append(annotation)
        else:
            report(f"annotation without {missing} ignored: {annotation.type.name}")
    return list(found.values())


def label_names(categories: dm.CategoriesInfo) -> tuple[str, ...]:
    """Class names of a data set in Datumaro's order, which is the order of `Label.label` and `Bbox.label`.

    `otx.data.source` has merged classes of equal name already.
    """
    from datumaro import AnnotationType

    return tuple(item.name for item in categories[AnnotationType.label].items)


def label_hierarchy(categories: dm.CategoriesInfo) -> LabelInfo:
    """Class names as `label_names` gives them, with the groups and parents that the data set declares.

    A group whose labels lie below different parents is one group for each parent. Labels that are in no group exclude
    their siblings, as in a plain tree; a group of one label excludes nothing.

    Raises:
        UserError: The parents go in a circle.
    """
    from datumaro import AnnotationType
    from datumaro.components.annotation import GroupType

    labels = categories[AnnotationType.label]
    group_of = {name: group for group in reversed(labels.label_groups) for name in group.labels}
    members: dict[tuple[str, str], list[str]] = {}
    for entry in labels:
        group = group_of.get(entry.name)
        members.setdefault((entry.parent or "", group.name if group else ""), []).append(entry.name)
    exclusive = {group.name: group.group_type == GroupType.EXCLUSIVE for group in labels.label_groups}
    waiting = [
        LabelGroup(name, tuple(own), parent, exclusive=len(own) > 1 and exclusive.get(name, True))
        for (parent, name), own in members.items()
    ]
    ordered: list[LabelGroup] = []
    above = {""}
    while ready := [group for group in waiting if group.parent in above]:
        ordered += ready
        waiting = [group for group in waiting if group not in ready]
        above = {label for group in ready for label in group.labels}
    return LabelInfo(label_names(categories), (*ordered, *waiting))


def label_categories(labels: LabelInfo) -> dm.CategoriesInfo:
    """Inverse of `label_hierarchy`."""
    from datumaro import AnnotationType, LabelCategories
    from datumaro.components.annotation import GroupType

    declared = LabelCategories.from_iterable((name, labels.parents.get(name, "")) for name in labels.names)
    for group in labels.groups:
        kind = GroupType.EXCLUSIVE if group.exclusive else GroupType.INCLUSIVE
        if group.name:
            declared.add_label_group(group.name, list(group.labels), kind)
    return {AnnotationType.label: declared}
