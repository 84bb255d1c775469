"""Which columns of a CSV name the image, its subset, its classes and a box, in the words that people head them with."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otx.data.subset_names import subset_name
from otx.data.tree import IMAGE_SUFFIXES, suffix

MARKS = {"0": False, "": False, "1": True}
"""What a cell says of the class of its column."""
_CLASS_HEADS = frozenset(
    {"label", "class", "classname", "category", "target", "species", "breed", "diagnosis", "dx",
     "labels", "classes", "categories", "tags", "findinglabels", "labelid", "classid", "categoryid"}
)  # fmt: skip
_BOX_HEADS = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"))
_SUBSET_HEADS = frozenset({"set", "split", "subset"})
_SEVERAL = frozenset({"labels", "classes", "categories", "tags", "findinglabels"})
_WITHOUT_HEAD = {2: ("image", "label"), 6: ("image", *_BOX_HEADS[0], "label")}
"""What the columns are where the first row is that of an image already, by their number."""
_PROBED = 20
csv.field_size_limit(2**31 - 1)  # of 131,072 characters; masks and sounds are written into longer fields


@dataclass(frozen=True)
class Sheet:
    """The cells of a file.

    Attributes:
        heads: What stands above the columns.
        rows: Number of each line that is not empty, and its cells.
    """

    heads: list[str]
    rows: list[tuple[int, list[str]]]

    def values(self, column: int) -> list[str]:
        """The cells of a column."""
        return [cells[column] for _, cells in self.rows if len(cells) > column]


@dataclass(frozen=True)
class Columns:
    """Where a sheet says what.

    Attributes:
        image: The path of the image, or its name without a suffix.
        subset: The subset; None: in no column.
        marks: A 1 or a 0 for each class; empty where each row names its class.
        name: The class; None where there are `marks`.
        separator: What stands between the classes of an image; empty: it has one.
        box: The sides of an object; empty: rows are about whole images.
    """

    image: int
    subset: int | None = None
    marks: tuple[int, ...] = ()
    name: int | None = None
    separator: str = ""
    box: tuple[int, ...] = ()

    @property
    def taken(self) -> tuple[int, ...]:
        """The columns of the classes, and then of the box."""
        return (*self.marks, *(() if self.name is None else (self.name,)), *self.box)


def read_sheet(text: str) -> Sheet | None:
    """The cells of a text, between commas, semicolons or tabs; None if there is no more than a head."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(",;\t", key=first.count))
    rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    if rows and any(suffix(cell) in IMAGE_SUFFIXES for cell in rows[0][1]):
        heads = _WITHOUT_HEAD.get(len(rows[0][1]))
        return Sheet([*heads], rows) if heads else None
    return Sheet(rows[0][1], rows[1:]) if len(rows) > 1 else None


def columns_of(sheet: Sheet, is_stem: Callable[[str], bool]) -> Columns | None:
    """Which column says what.

    Args:
        sheet: The cells.
        is_stem: Whether a word is the name of an image, without its suffix.

    Returns:
        None: no column names images, or none says anything of their classes that is known here.
    """
    image = _image_column(sheet, is_stem)
    if image is None:
        return None
    heads = [re.sub(r"[^a-z0-9]", "", head.casefold()) for head in sheet.heads]
    subset = next(
        (i for i, head in enumerate(heads) if head in _SUBSET_HEADS and any(map(subset_name, sheet.values(i)))), None
    )
    others = [i for i in range(len(heads)) if i not in (image, subset) and heads[i]]
    named = [i for i in others if heads[i] in _CLASS_HEADS or (len(others) == 1 and _repeat(sheet.values(i)))]
    if named:
        # Of a name and a number of the class the name.
        name = min(named, key=lambda i: heads[i].endswith("id"))
        box = next((tuple(map(heads.index, sides)) for sides in _BOX_HEADS if {*sides} <= {*heads}), ())
        separator = "" if box else _separator(sheet.values(name), several=heads[name] in _SEVERAL)
        return Columns(image, subset, name=name, separator=separator, box=box)
    first = sheet.rows[0][1]
    if others and len(first) == len(heads) and MARKS.keys() >= {first[i] for i in others}:
        return Columns(image, subset, marks=tuple(others))
    return None


def _image_column(sheet: Sheet, is_stem: Callable[[str], bool]) -> int | None:
    first = sheet.rows[0][1]
    named = [i for i, cell in enumerate(first) if suffix(cell) in IMAGE_SUFFIXES and i < len(sheet.heads)]
    if not named and is_stem(first[0]):
        named = [0]
    stems = (i for i in range(1, len(first)) if all(map(is_stem, sheet.values(i)[:_PROBED])))
    return named[0] if named else next(stems, None)


def _repeat(values: Sequence[str]) -> bool:
    """Whether a column of any name may hold classes; captions and encoded masks differ from row to row."""
    return 2 * len({*values}) <= len(values)


def _separator(values: Sequence[str], *, several: bool) -> str:
    """What stands between the classes of an image; empty where a cell is the name of one class.

    Names of several words are not lists. They are where each word is a name by itself too or a number, and where the
    column is for `several` and made of few words.
    """
    distinct = {*values} - {""}
    for mark in "|;, ":
        lists = [words for value in distinct if len(words := _words(value, mark)) > 1]
        used = {word for words in lists for word in words}
        alone = used <= distinct or all(word.isdecimal() for word in used)
        if lists and (mark == "|" or alone or (several and len(used) < len(distinct))):
            return mark
    return ""


def _words(value: str, separator: str) -> list[str]:
    return [word for part in value.split(separator) if (word := part.strip())]


def classes_in(cell: str, separator: str) -> list[str]:
    """The classes that a cell names."""
    return _words(cell, separator) if separator else [cell]
