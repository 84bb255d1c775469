"""CSV with a row per image: its path, then its class, or 1 or 0 for each class; or a row per object with its box."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from datumaro import Annotation, AnnotationType, Bbox, DatasetItem, Label, LabelCategories
from datumaro.components.annotation import GroupType

from otx.data.formats.coco_file import none_among
from otx.data.formats.reading import Part, Reading, listed_item, reading_annotation
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, subset_of_path
from otx.data.tree import IMAGE_SUFFIXES, Absent, DataTree, folder_of, stem, suffix

LOOKED_FOR = "a .csv file whose rows have the path of an image, then its class, or 1 or 0 for each class"
_MARKS = {"0": False, "": False, "1": True}
"""What a cell says of the class of its column."""
_CLASS_HEADS = frozenset({"label", "class", "class_name", "category", "target", "species", "breed", "diagnosis"})
_BOX_HEADS = ("xmin", "ymin", "xmax", "ymax")


@dataclass
class Table:
    """One file.

    Attributes:
        path: Its relative path.
        labels: Class names, from the head; None where each row names a class.
        rows: Relative path of an image, or why there is none, where the row is, and its cells: a mark for each class,
            or the name of one, and of an object the sides of its box. No cells: the row is shorter than the head.
    """

    path: str
    labels: list[str] | None
    rows: list[tuple[str | Absent, str, list[str]]]


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    tables: list[Table] = []
    others: list[str] = []
    for path in tree.with_suffix(".csv"):
        rows = [[cell.strip() for cell in cells] for cells in csv.reader(tree.read_text(path).splitlines())]
        table = _table(tree, path, rows) if len(rows) > 1 and "submission" not in stem(path).casefold() else None
        if table:
            tables.append(table)
        else:
            others.append(f"{path} begins with {','.join(rows[0])[:60]!r}" if rows else f"{path} is empty")
    if not tables:
        return none_among(others, ".csv")
    images = frozenset(image for table in tables for image, _, _ in table.rows if isinstance(image, str))
    return Reading(
        reason=f"{', '.join(table.path for table in tables[:4])} list{'' if tables[1:] else 's'} {len(images)} images",
        images=images,
        read=lambda problems: [_read(tree, table, problems) for table in tables],
    )


def _table(tree: DataTree, path: str, rows: list[list[str]]) -> Table | None:
    """None: the rows do not begin with an image, or say nothing of its classes that is known here."""
    head, (image, *cells) = rows[0][1:], rows[1] or [""]
    if suffix(image) not in IMAGE_SUFFIXES and image not in tree.images_by_stem:
        return None
    heads = [name.casefold() for name in head]
    named = [name for name in heads if name in _CLASS_HEADS or len(heads) == 1]
    if named:
        columns = [heads.index(name) + 1 for name in (named[0], *(_BOX_HEADS if {*_BOX_HEADS} <= {*heads} else ()))]
    elif heads and len(cells) == len(heads) and _MARKS.keys() >= {*cells}:
        columns = list(range(1, len(heads) + 1))
    else:
        return None
    locate = tree.locate if suffix(image) in IMAGE_SUFFIXES else tree.locate_image
    folders, subset = [folder_of(path), ""], subset_of_path(path)
    found = [
        (locate(cells[0], folders, subset), f"{path}:{number}", [cells[i] for i in columns if len(cells) > len(head)])
        for number, cells in enumerate(rows[1:], start=2)
        if any(cells)
    ]
    if suffix(image) not in IMAGE_SUFFIXES and not any(isinstance(place, str) for place, *_ in found):
        return None  # a number or a word that happens to be the name of several images
    return Table(path, None if named else head, found)


def _read(tree: DataTree, table: Table, problems: Problems) -> Part:
    labels = list(dict.fromkeys(table.labels or [cells[0] for *_, cells in table.rows if cells and cells[0]]))
    categories = LabelCategories.from_iterable(labels)
    if table.labels:
        if len(labels) < len(table.labels):
            problems.add("class name given twice, merged", table.path, ", ".join(table.labels))
        for label in labels:  # columns do not exclude each other
            categories.add_label_group(label, [label], GroupType.EXCLUSIVE)
    items: dict[str, DatasetItem] = {}
    for image, where, cells in table.rows:
        with reading_annotation(problems, where):
            found = _marked(cells, table.labels, labels) if table.labels else [_named(cells, labels)]
            name = image if isinstance(image, str) else where
            if name not in items:
                items[name] = listed_item(tree, image, where, problems)
            items[name].annotations += found
    subset = subset_of_path(table.path) or UNASSIGNED
    return Part(subset, labels, list(items.values()), {AnnotationType.label: categories})


def _marked(cells: list[str], columns: list[str], labels: list[str]) -> list[Annotation]:
    """The classes whose columns have a 1."""
    if len(cells) != len(columns) or not _MARKS.keys() >= {*cells}:
        raise ValueError(f"expected {len(columns)} cells of 0 or 1, found {','.join(cells)[:60]!r}")
    true = {name for name, cell in zip(columns, cells, strict=True) if _MARKS[cell]}
    return [Label(index) for index, name in enumerate(labels) if name in true]


def _named(cells: list[str], labels: list[str]) -> Annotation:
    """The class of an image, or an object."""
    if not (cells and cells[0]):
        raise ValueError("expected as many cells as the head has, and the name of a class")
    name, *sides = cells
    if not sides:
        return Label(labels.index(name))
    left, top, right, bottom = map(float, sides)
    return Bbox(left, top, right - left, bottom - top, label=labels.index(name))
