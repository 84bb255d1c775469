"""CSV with a row per image: its path, then 1 or 0 for each class, whose name heads the column."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from datumaro.components.annotation import AnnotationType, GroupType, Label, LabelCategories

from otx.data.formats.coco_file import none_among
from otx.data.formats.reading import Part, Reading, listed_item
from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.subset_names import UNASSIGNED, subset_of_path
from otx.data.tree import IMAGE_SUFFIXES, Absent, DataTree, folder_of, suffix

LOOKED_FOR = "a .csv file whose rows have the path of an image, then 1 or 0 for each class"
_VALUES = {"0": False, "": False, "1": True}


@dataclass
class Table:
    """One file.

    Attributes:
        path: Its relative path.
        labels: Class names, from the head.
        rows: Relative path of an image, or why there is none, where the row is, and its cells.
    """

    path: str
    labels: list[str]
    rows: list[tuple[str | Absent, str, list[str]]]


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    tables: list[Table] = []
    others: list[str] = []
    for path in tree.with_suffix(".csv"):
        rows = list(csv.reader(tree.read_text(path).splitlines()))
        if len(rows) > 1 and len(rows[0]) > 1 and _is_row(rows[1], len(rows[0])):
            tables.append(_locate(tree, path, rows))
        else:
            others.append(f"{path} begins with {','.join(rows[0])[:60]!r}" if rows else f"{path} is empty")
    if not tables:
        return none_among(others, ".csv")
    listed = sum(len(table.rows) for table in tables)
    return Reading(
        reason=f"{', '.join(table.path for table in tables[:4])} list {listed} images",
        images=frozenset(image for table in tables for image, _, _ in table.rows if isinstance(image, str)),
        read=lambda problems: [_read(tree, table, problems) for table in tables],
    )


def _is_row(cells: list[str], columns: int) -> bool:
    image, *values = cells
    return suffix(image.strip()) in IMAGE_SUFFIXES and len(cells) == columns and _VALUES.keys() >= {*_clean(values)}


def _clean(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _locate(tree: DataTree, path: str, rows: list[list[str]]) -> Table:
    folders, subset = [folder_of(path), ""], subset_of_path(path)
    return Table(
        path,
        _clean(rows[0][1:]),
        [
            (tree.locate(cells[0], folders, subset), f"{path}:{number}", _clean(cells[1:]))
            for number, cells in enumerate(rows[1:], start=2)
            if any(_clean(cells))
        ],
    )


def _read(tree: DataTree, table: Table, problems: Problems) -> Part:
    labels = list(dict.fromkeys(table.labels))
    if len(labels) < len(table.labels):
        problems.add("class name given twice, merged", table.path, ", ".join(table.labels))
    categories = LabelCategories.from_iterable(labels)
    for label in labels:  # columns do not exclude each other
        categories.add_label_group(label, [label], GroupType.EXCLUSIVE)
    items = []
    for image, where, cells in table.rows:
        if len(cells) != len(table.labels) or not _VALUES.keys() >= {*cells}:
            message = f"expected {len(table.labels)} cells of 0 or 1, found {','.join(cells)[:60]!r}"
            problems.add(BAD_ANNOTATION, where, message, bad=True)
            continue
        true = {name for name, cell in zip(table.labels, cells, strict=True) if _VALUES[cell]}
        item = listed_item(tree, image, where, problems)
        item.annotations = [Label(index) for index, name in enumerate(labels) if name in true]
        items.append(item)
    return Part(subset_of_path(table.path) or UNASSIGNED, labels, items, {AnnotationType.label: categories})
