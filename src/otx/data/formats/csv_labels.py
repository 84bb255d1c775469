"""CSV with a row per image: its path, then its class, or 1 or 0 for each class; or a row per object with its box."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from datumaro import Annotation, AnnotationType, Bbox, DatasetItem, Label, LabelCategories
from datumaro.components.annotation import GroupType

from otx.core.errors import UserError
from otx.data.formats.coco_file import none_among
from otx.data.formats.reading import Part, Reading, by_subset, listed_item, reading_annotation
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_path
from otx.data.tree import IMAGE_SUFFIXES, Absent, DataTree, folder_of, stem, suffix

LOOKED_FOR = "a .csv file whose rows have the path of an image, then its class, or 1 or 0 for each class"
_MARKS = {"0": False, "": False, "1": True}
"""What a cell says of the class of its column."""
_CLASS_HEADS = frozenset({"label", "class", "class_name", "category", "target", "species", "breed", "diagnosis"})
_BOX_HEADS = ("xmin", "ymin", "xmax", "ymax")
_SUBSET_HEADS = frozenset({"set", "split", "subset"})
csv.field_size_limit(2**31 - 1)  # of 131,072 characters; masks and sounds are written into longer fields


@dataclass
class Table:
    """One file.

    Attributes:
        path: Its relative path.
        labels: Class names, from the head; None where each row names a class.
        rows: Relative path of an image, or why there is none, where the row is, its subset, and its cells: a mark for
            each class, or the name of one, and of an object the sides of its box. No cells: the row is shorter than
            the head.
    """

    path: str
    labels: list[str] | None
    rows: list[tuple[str | Absent, str, str, list[str]]]


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    tables: list[Table] = []
    others: list[str] = []
    for path in tree.with_suffix(".csv"):
        try:
            rows = [[cell.strip() for cell in cells] for cells in csv.reader(tree.read_text(path).splitlines())]
        except UserError as error:
            others.append(str(error))
            continue
        table = _table(tree, path, rows) if len(rows) > 1 and "submission" not in stem(path).casefold() else None
        if table:
            tables.append(table)
        else:
            others.append(f"{path} begins with {','.join(rows[0])[:60]!r}" if rows else f"{path} is empty")
    if not tables:
        return none_among(others, ".csv")
    images = frozenset(image for table in tables for image, *_ in table.rows if isinstance(image, str))
    reason = f"{', '.join(table.path for table in tables[:4])} list{'' if tables[1:] else 's'} {len(images)} images"
    return Reading(
        reason="; ".join([reason, *(f"not read: {other}" for other in others[:3])]),
        images=images,
        read=lambda problems: [part for table in tables for part in _read(tree, table, problems)],
    )


def _table(tree: DataTree, path: str, rows: list[list[str]]) -> Table | None:
    """None: the rows do not begin with an image, or say nothing of its classes that is known here."""
    image, heads = (rows[1] or [""])[0], [name.casefold() for name in rows[0]]
    if suffix(image) not in IMAGE_SUFFIXES and image not in tree.images_by_stem:
        return None
    subsets = [i for i, name in enumerate(heads) if name in _SUBSET_HEADS and any(map(subset_name, _values(rows, i)))]
    split = subsets[0] if subsets else 0
    others = [i for i in range(1, len(heads)) if i != split]
    named = [i for i in others if heads[i] in _CLASS_HEADS or (len(others) == 1 and _repeat(rows, i))]
    if named:
        columns = [named[0], *(map(heads.index, _BOX_HEADS) if {*_BOX_HEADS} <= {*heads} else ())]
    elif others and len(rows[1]) == len(heads) and _MARKS.keys() >= {rows[1][i] for i in others}:
        columns = others
    else:
        return None
    locate = tree.locate if suffix(image) in IMAGE_SUFFIXES else tree.locate_image
    folders, subset = [folder_of(path), ""], subset_of_path(path)
    found = []
    for number, cells in enumerate(rows[1:], start=2):
        if any(cells):
            said = cells[split] if split and len(cells) > split else ""
            place = locate(cells[0], folders, subset_name(said) or subset)
            taken = [cells[i] for i in columns if len(cells) >= len(heads)]
            found.append((place, f"{path}:{number}", subset_name(said) or said or subset or UNASSIGNED, taken))
    if suffix(image) not in IMAGE_SUFFIXES and not any(isinstance(place, str) for place, *_ in found):
        return None  # a number or a word that happens to be the name of several images
    return Table(path, None if named else [rows[0][i] for i in columns], found)


def _values(rows: list[list[str]], column: int) -> list[str]:
    return [cells[column] for cells in rows[1:] if len(cells) > column]


def _repeat(rows: list[list[str]], column: int) -> bool:
    """Whether a column of any name may hold classes; captions and encoded masks differ from row to row."""
    values = _values(rows, column)
    return 2 * len({*values}) <= len(values)


def _read(tree: DataTree, table: Table, problems: Problems) -> list[Part]:
    labels = list(dict.fromkeys(table.labels or [cells[0] for *_, cells in table.rows if cells and cells[0]]))
    categories = LabelCategories.from_iterable(labels)
    if table.labels:
        if len(labels) < len(table.labels):
            problems.add("class name given twice, merged", table.path, ", ".join(table.labels))
        for label in labels:  # columns do not exclude each other
            categories.add_label_group(label, [label], GroupType.EXCLUSIVE)
    items: dict[str, DatasetItem] = {}
    subset_of: dict[str, str] = {}
    for image, where, subset, cells in table.rows:
        with reading_annotation(problems, where):
            found = _marked(cells, table.labels, labels) if table.labels else [_named(cells, labels)]
            name = image if isinstance(image, str) else where
            if name not in items:
                items[name] = listed_item(tree, image, where, problems)
            if subset_of.setdefault(name, subset) != subset:
                problems.add("image in two subsets", where, f"{name} stays in {subset_of[name]}")
            items[name].annotations += found
    return by_subset(items.values(), subset_of, labels, {AnnotationType.label: categories})


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
