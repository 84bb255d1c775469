"""What a data format makes of a folder, before and after its annotations are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.subset_names import SubsetName
from otx.data.tree import Absent, DataTree

if TYPE_CHECKING:
    import datumaro as dm


@dataclass
class Part:
    """Images of one subset with their annotations, as one annotation file or folder has them.

    Attributes:
        subset: `train`, `val`, `test`, another name that the data set uses, or `UNASSIGNED`.
        labels: Class names, which annotations index; the classes of equal names are merged later.
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
        reason: The evidence in words.
        images: Relative paths of the images it gives a meaning to.
        explicit: There are annotation files that say so; otherwise only the names of folders do.
        listed: Images have to be named in the annotation files, or to have one each: others are left out.
        split_from: Subset that those are taken from which the data set lacks.
        problems: What did not fit so far.
        read: Reads the annotations. Called once, with `problems`.
    """

    reason: str
    images: frozenset[str]
    explicit: bool = True
    listed: bool = False
    split_from: SubsetName = "train"
    problems: Problems = field(default_factory=Problems)
    read: Callable[[Problems], list[Part]] = field(repr=False)


class Format(Protocol):
    """What a module of this package offers."""

    LOOKED_FOR: str
    """What makes a folder one of this format, for the message when nothing is recognised."""

    def find(self, tree: DataTree) -> Reading | str:
        """How the format understands the folder, or in words what it found instead."""


def image_item(
    tree: DataTree, image: str, annotations: Sequence[dm.Annotation] = (), size: tuple[int, int] | None = None
) -> dm.DatasetItem:
    """An item for an image of the tree."""
    from datumaro import DatasetItem
    from datumaro.components.media import Image

    media = Image.from_file(path=str(tree.files[image]), size=size)
    return DatasetItem(id=image, media=media, annotations=list(annotations))


def listed_item(
    tree: DataTree, place: str | Absent, where: str, problems: Problems, size: tuple[int, int] | None = None
) -> dm.DatasetItem:
    """An item without annotations for an image that an annotation file lists.

    Args:
        tree: Where the images are.
        place: What the tree has for it.
        where: The entry of the annotation file.
        problems: Takes an image that is not there; the item has no media then.
        size: Height and width as the file has them.
    """
    from datumaro import DatasetItem

    if isinstance(place, str):
        return image_item(tree, place, size=size)
    problems.add(place.kind, where, place.message, bad=True)
    return DatasetItem(id=where)


def by_subset(
    items: Iterable[dm.DatasetItem],
    subset_of: Mapping[str, str],
    labels: Sequence[str],
    categories: dm.CategoriesInfo | None = None,
) -> list[Part]:
    """A part for each subset; `subset_of` knows an item's by its id."""
    parts: dict[str, Part] = {}
    for item in items:
        subset = subset_of[item.id]
        parts.setdefault(subset, Part(subset, labels, [], categories or {})).items.append(item)
    return list(parts.values())


def assign(image: str | Absent, subset: str, where: str, subset_of: dict[str, str], problems: Problems) -> None:
    """Note the subset of an image that a list (`where`) names; the first one counts."""
    if isinstance(image, Absent):
        problems.add(image.kind, where, image.message, bad=True)
    elif (known := subset_of.setdefault(image, subset)) != subset:
        problems.add("image in two subsets", where, f"{image} stays in {known}")


@contextmanager
def reading_annotation(problems: Problems, where: str) -> Iterator[None]:
    """Let what goes wrong inside be a problem of the annotation, and go on behind it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Datumaro's readers raise what they like
        problems.add(BAD_ANNOTATION, where, str(error) or type(error).__name__, bad=True)
