"""Which subset a file or folder name stands for. Names are matched by their words, never as a whole."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal, get_args

SubsetName = Literal["train", "val", "test"]
SUBSETS: tuple[SubsetName, ...] = get_args(SubsetName)

UNASSIGNED = "unassigned"
"""Images of a data set that does not say which subset they belong to; they are split."""

_WORDS: dict[str, SubsetName] = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "validate": "val",
    "eval": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def subset_name(name: str) -> SubsetName | None:
    """The subset that a name such as `instances_val2017` or `Validation` stands for; None if it names none or two."""
    words = re.split(r"[^a-z]+", name.lower())
    found = {_WORDS[word] for word in words if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def subset_of_path(path: str) -> SubsetName | None:
    """The subset that a relative path stands for: the file's own name counts first, then the nearest folder."""
    pure = PurePosixPath(path)
    names = [pure.stem, *(folder.name for folder in pure.parents)]
    return next((found for found in map(subset_name, names) if found), None)


def subset_of_folder(folder: str) -> SubsetName | None:
    """As `subset_of_path`, for a folder, whose name must be the subset's as a whole (`train`, not `train_tickets`)."""
    parts = reversed(PurePosixPath(folder).parts)
    return next((_WORDS[word] for part in parts if (word := re.sub(r"[\d_-]+$", "", part.lower())) in _WORDS), None)
