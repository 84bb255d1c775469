"""Finds images that lie in several subsets: what is tested on them was learned by heart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path

from otx.data.index import DataIndex
from otx.data.problems import Problem
from otx.data.subset_names import SubsetName

TWIN = "image that is in another subset too"
BEGIN = 1 << 16
"""Bytes that are compared first; whole files are read only where these are alike."""
Place = tuple[Path, SubsetName]


def find_twins(index: DataIndex, root: Path) -> Iterator[Problem]:
    """The files of validation and test that have, byte for byte, a twin in an earlier subset.

    Args:
        index: The files of each subset; those that lie in shards or are folders of frames are not looked at.
        root: That they are named from.
    """
    places = [(item.path, name) for name, items in index.subsets.items() for item in items if item.path.is_file()]
    alike: list[list[Place]] = [places]
    for look in (_size, _begin, _whole):
        alike = [group for some in alike for group in _alike(some, look)]
    for group in alike:
        first, subset = group[0]
        for path, other in group[1:]:
            if other != subset:
                where, twin = (one.relative_to(root).as_posix() for one in (path, first))
                yield Problem(TWIN, where, f"of {other}, the same as {twin} of {subset}")


def _alike(places: Iterable[Place], look: Callable[[Path], Hashable]) -> Iterator[list[Place]]:
    """Groups of places that look alike and are of several subsets; those keep their order."""
    found: dict[Hashable, list[Place]] = {}
    for place in places:
        found.setdefault(look(place[0]), []).append(place)
    return (group for group in found.values() if len({subset for _, subset in group}) > 1)


def _size(path: Path) -> int:
    return path.stat().st_size


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BEGIN)


def _whole(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
