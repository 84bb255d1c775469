"""CSV with a row per image: its path, then its class, or 1 or 0 for each class; or a row per object with its box."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from datumaro import Annotation, AnnotationType, Bbox, DatasetItem, Label, LabelCategories
from datumaro.components.annotation import GroupType

from otx.core.errors import UserError
from otx.data.formats.coco_file import none_among
from otx.data.formats.csv_columns import MARKS, Columns, Sheet, classes_in, columns_of, read_sheet
from otx.data.formats.reading import Part, Reading, by_subset, listed_item, reading_annotation
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_path
from otx.data.tree import IMAGE_SUFFIXES, Absent, DataTree, folder_of, stem, suffix

LOOKED_FOR = "a .csv file whose rows have the path of an image, and its class, or 1 or 0 for each class"


@dataclass
class Table:
    """One file.

    Attributes:
        path: Its relative path.
        heads: What stands above its columns.
        columns: What they say.
        rows: Relative path of an image, or why there is none, where the row is, its subset, and its cells: a mark for
            each class, or the name of one, and of an object the sides of its box. No cells: the row is shorter than
            the head.
    """

    path: str
    heads: list[str]
    columns: Columns
    rows: list[tuple[str | Absent, str, str, list[str]]]

    @property
    def labels(self) -> list[str]:
        """Class names in the order in which they are met, each once."""
        if self.columns.marks:
            return list(dict.fromkeys(self.heads[i] for i in self.columns.marks))
        cells = [cells for *_, cells in self.rows if cells and cells[0] and any(cells[1:] or cells)]
        return list(dict.fromkeys(name for one in cells for name in classes_in(one[0], self.columns.separator)))

    def __str__(self) -> str:
        name = self.columns.name
        return self.path if name is None else f"{self.path} (classes in its column {self.heads[name]!r})"


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    tables: list[Table] = []
    others: list[str] = []
    for path in tree.with_suffix(".csv"):
        try:
            text = tree.read_text(path)
            sheet = read_sheet(text)
        except (UserError, csv.Error) as error:
            others.append(str(error))
            continue
        table = _table(tree, path, sheet) if sheet and "submission" not in stem(path).casefold() else None
        if table:
            tables.append(table)
        else:
            begin = text.strip().partition("\n")[0].strip()[:60]
            others.append(f"{path} begins with {begin!r}" if begin else f"{path} is empty")
    if not tables:
        return none_among(others, ".csv")
    images = frozenset(image for table in tables for image, *_ in table.rows if isinstance(image, str))
    reason = f"{', '.join(map(str, tables[:4]))} list{'' if tables[1:] else 's'} {len(images)} images"
    return Reading(
        reason="; ".join([reason, *(f"not read: {other}" for other in others[:3])]),
        images=images,
        listed=True,
        read=lambda problems: [part for table in tables for part in _read(tree, table, problems)],
    )


def _table(tree: DataTree, path: str, sheet: Sheet) -> Table | None:
    """None: the rows name no images, or say nothing of their classes that is known here."""
    columns = columns_of(sheet, tree.images_by_stem.__contains__)
    if columns is None:
        return None
    with_suffix = suffix(sheet.rows[0][1][columns.image]) in IMAGE_SUFFIXES
    locate = tree.locate if with_suffix else tree.locate_image
    folders, subset = [folder_of(path), ""], subset_of_path(path)
    found = []
    for number, cells in sheet.rows:
        said = cells[columns.subset] if columns.subset is not None and len(cells) > columns.subset else ""
        name = cells[columns.image] if len(cells) > columns.image else ""
        taken = [cells[i] for i in columns.taken if len(cells) >= len(sheet.heads)]
        place = locate(name, folders, subset_name(said) or subset)
        found.append((place, f"{path}:{number}", subset_name(said) or said or subset or UNASSIGNED, taken))
    if not with_suffix and not any(isinstance(place, str) for place, *_ in found):
        return None  # a number or a word that happens to be the name of several images
    return Table(path, sheet.heads, columns, found)


def _read(tree: DataTree, table: Table, problems: Problems) -> list[Part]:
    labels, columns = table.labels, table.columns
    categories = LabelCategories.from_iterable(labels)
    if len(labels) < len(columns.marks):
        problems.add("class name given twice, merged", table.path, ", ".join(table.heads[i] for i in columns.marks))
    if columns.marks or columns.separator:  # these do not exclude each other
        for label in labels:
            categories.add_label_group(label, [label], GroupType.EXCLUSIVE)
    heads = [table.heads[i] for i in columns.marks]
    items: dict[str, DatasetItem] = {}
    subset_of: dict[str, str] = {}
    for image, where, subset, cells in table.rows:
        with reading_annotation(problems, where):
            names = _marked(cells, heads) if columns.marks else _named(cells, columns)
            name = image if isinstance(image, str) else where
            if name not in items:
                items[name] = listed_item(tree, image, where, problems)
            if subset_of.setdefault(name, subset) != subset:
                problems.add("image in two subsets", where, f"{name} stays in {subset_of[name]}")
            known = [] if columns.box else [one.label for one in items[name].annotations]
            items[name].annotations += [
                _annotation(labels.index(label), cells[1:] if columns.box else [])
                for label in names
                if labels.index(label) not in known
            ]
    return by_subset(items.values(), subset_of, labels, {AnnotationType.label: categories})


def _marked(cells: list[str], heads: list[str]) -> list[str]:
    """The classes whose columns have a 1."""
    if len(cells) != len(heads) or not MARKS.keys() >= {*cells}:
        raise ValueError(f"expected {len(heads)} cells of 0 or 1, found {','.join(cells)[:60]!r}")
    return list(dict.fromkeys(name for name, cell in zip(heads, cells, strict=True) if MARKS[cell]))


def _named(cells: list[str], columns: Columns) -> list[str]:
    """The classes that a row names; none where it has a place for a box, and no box."""
    if columns.box and cells and not any(cells[1:]):
        return []
    if not (cells and cells[0]):
        raise ValueError("expected as many cells as the head has, and the name of a class")
    return list(dict.fromkeys(classes_in(cells[0], columns.separator)))


def _annotation(label: int, sides: list[str]) -> Annotation:
    """The class of an image, or an object."""
    if not sides:
        return Label(label)
    left, top, right, bottom = map(float, sides)
    if max(right, bottom) <= 1:
        raise ValueError(f"expected the sides of a box in pixels, found the fractions {', '.join(sides)}")
    return Bbox(left, top, right - left, bottom - top, label=label)
