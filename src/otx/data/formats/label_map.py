"""What the values and colours of masks mean: the files in which data sets say so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from otx.core.errors import UserError
from otx.data.tree import DataTree

VALUES = "_classes.csv"
"""Roboflow's: a head, then a row `value, name` for each class."""
FILES = (
    "dataset_meta.json", "labelmap.txt", "label_colors.txt", "class_dict.csv", VALUES, "classes.txt", "labels.txt",
    "class_names.txt", "codes.txt", "id2label.json",
)  # fmt: skip
"""Of several in a folder the first counts."""
IGNORED_NAMES = frozenset({"ignore", "ignored", "unlabeled", "unlabelled", "void"})
"""Pixels of a class of such a name are left out of loss and metric."""

_LINE = re.compile(r"^(?:(\d+)\s+(\d+)\s+(\d+)\s+)?([^:,]+?)(?:[:,]\s*(\d+),\s*(\d+),\s*(\d+))?\s*(?::.*)?$")
"""`name`, `name:r,g,b:parts:actions` (VOC), `name,r,g,b` (CSV) and `r g b name` (Cityscapes in Datumaro)."""
_NUMBERED = re.compile(r"(\d+)\s*[:=,\s]\s*([^\d\s:=,].*)")
"""`value name`, as some tools number the lines of `classes.txt`."""


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """Names of the classes by what stands for them in a mask.

    Attributes:
        by_value: Value of a pixel -> name, or None where it is to be ignored.
        by_colour: Colour as 0xRRGGBB -> likewise.
    """

    by_value: Mapping[int, str | None] = field(default_factory=dict)
    by_colour: Mapping[int, str | None] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The classes, each once."""
        return [*dict.fromkeys(name for name in (*self.by_value.values(), *self.by_colour.values()) if name)]


def label_map_of(tree: DataTree, mask: str) -> str:
    """The label map nearest to a mask, in its folder or one above; "" if there is none."""
    folders = ["" if str(folder) == "." else f"{folder}/" for folder in PurePosixPath(mask).parents]
    return next((folder + name for folder in folders for name in FILES if folder + name in tree.files), "")


def read_label_map(tree: DataTree, path: str) -> LabelMap:
    """Read one of `FILES`.

    Raises:
        UserError: It is not of the form that its name promises.
    """
    text = tree.read_text(path)
    try:
        if path.endswith(".json"):
            entries = _from_json(json.loads(text))
        else:
            entries = _from_values(text) if path.endswith(VALUES) else _from_lines(text)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        msg = f"expected the names of classes by the values of masks in {tree.root / path}: {error}"
        raise UserError(msg) from error
    kept = {value: (None if name.casefold() in IGNORED_NAMES else name, colour) for value, name, colour in entries}
    return LabelMap(
        by_value={value: name for value, (name, _) in kept.items()},
        by_colour={colour: name for name, colour in kept.values() if colour is not None},
    )


def as_colour(red: int, green: int, blue: int) -> int:
    """A colour as one number, 0xRRGGBB."""
    return red << 16 | green << 8 | blue


def _from_json(content: dict[str, Any]) -> list[tuple[int, str, int | None]]:
    """Datumaro's file: `label_map` by value, or `labels` in order; `segmentation_colors` in the same order.

    Hugging Face's has nothing but names by value.
    """
    colours = content.get("segmentation_colors") or []
    bare = content if content and all(key.isdecimal() for key in content) else None
    names = bare or content.get("label_map") or dict(enumerate(content["labels"]))
    return [
        (int(value), str(name).strip(), as_colour(*colours[position]) if position < len(colours) else None)
        for position, (value, name) in enumerate(names.items())
    ]


def _from_values(text: str) -> list[tuple[int, str, int | None]]:
    rows = [line.split(",") for line in text.splitlines()[1:] if line.strip()]
    return [(int(value), name.strip(), None) for value, name in rows]


def _from_lines(text: str) -> list[tuple[int, str, int | None]]:
    entries: list[tuple[int, str, int | None]] = []
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(numbered):
        return [(int(match.group(1)), match.group(2), None) for match in numbered if match]
    for line in lines:
        if line.casefold().startswith("name,"):
            continue
        found = _LINE.match(line)
        if found is None:
            raise ValueError(f"cannot read the line {line!r}")
        before, name, after = found.groups()[:3], found.group(4), found.groups()[4:]
        colour = before if before[0] else after
        entries.append((len(entries), name.strip(), as_colour(*map(int, colour)) if colour[0] else None))
    return entries
