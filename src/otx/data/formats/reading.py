"""What a data format makes of a folder, before and after its annotations are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from otx.data.problems import BAD_ANNOTATION, BROKEN_IMAGE, OUTSIDE, Problems
from otx.data.subset_names import SubsetName
from otx.data.tree import DataTree

if TYPE_CHECKING:
    import datumaro as dm
    from datumaro.components.importer import ImportContext


@dataclass
class Part:
    """Images of one subset with their annotations, as one annotation file or folder has them.

    Attributes:
        subset: `train`, `val`, `test`, another name that the data set uses, or `UNASSIGNED`.
        labels: Class names; annotations index them.
        items: Datumaro items; `item.media.path` is a real path of the tree, `item.id` the relative path of the image.
            An item whose image is missing has no media and is reported; it counts as evidence of the task.
        categories: What Datumaro knows beyond the class names, for example the names of keypoints.
    """

    subset: str
    labels: Sequence[str]
    items: list[dm.DatasetItem]
    categories: dm.CategoriesInfo = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to understand a folder.

    Attributes:
        format: Name of the format.
        reason: The evidence in words.
        images: Relative paths of the images it gives a meaning to.
        explicit: There are annotation files that say so; otherwise only the names of folders do.
        split_from: Subset that those are taken from which the data set lacks.
        read: Reads the annotations. Called once.
    """

    format: str
    reason: str
    images: frozenset[str]
    explicit: bool = True
    split_from: SubsetName = "train"
    read: Callable[[Problems], list[Part]] = field(repr=False)


class Format(Protocol):
    """What a module of this package offers."""

    NAME: str
    LOOKED_FOR: str
    """What makes a folder one of this format, for the message when nothing is recognised."""

    def find(self, tree: DataTree) -> Reading | str:
        """How the format understands the folder, or in words what it found instead."""


def set_image(item: dm.DatasetItem, tree: DataTree, image: str) -> None:
    """Let an item stand for an image of the tree."""
    from datumaro.components.media import Image

    size = item.media.size if item.media is not None and item.media.has_size else None
    item.id = image
    item.media = Image.from_file(path=str(tree.files[image]), size=size)


def collecting(problems: Problems, where: Callable[[Any], str]) -> ImportContext:
    """A Datumaro import context that notes problems and goes on.

    Args:
        problems: Takes them.
        where: From the id that Datumaro gives (of an item or an annotation) to the file that the user should look at.
    """
    from datumaro.components.contexts.importer import ImportContext, ImportErrorPolicy

    class Collect(ImportErrorPolicy):
        def report_item_error(self, error: Exception, *, item_id: tuple[Any, str]) -> None:
            problems.add(_kind(error), where(item_id[0]), _words(error), bad=True)

        report_annotation_error = report_item_error

    return ImportContext(error_policy=Collect())


class UnreadableImageError(Exception):
    """Raised by a format's reader when it needs the size of an image that cannot be opened."""


def _kind(error: Exception) -> str:
    if isinstance(error, UnreadableImageError):
        return BROKEN_IMAGE
    text = str(error)
    return OUTSIDE if "escapes base directory" in text or "parent directory" in text else BAD_ANNOTATION


def _words(error: Exception) -> str:
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return f"{error}{cause}" if str(error) else type(error).__name__
