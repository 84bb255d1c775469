"""Files that are either the old ones or the new ones, whatever happens while they are written. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put what was written in the place of `path` once it is safely on the disk.

    A writer that is killed leaves `path` as it was and at most a file `*.partial` beside it, which the next writer
    overwrites and `remove_partial` removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        partial.touch()
        mode = partial.stat().st_mode
        yield partial
        # Some writers (safetensors) make files that only their owner can read.
        partial.chmod(mode)
        _flush(partial)
        partial.replace(path)
        _flush(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_atomic(path: Path, text: str) -> None:
    """Write a text file by `replacing`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove_partial(folder: Path) -> list[str]:
    """Remove what killed writers have left half-written in a folder; returns the names."""
    left = sorted(folder.glob(f"*{PARTIAL}"))
    for path in left:
        path.unlink()
    return [path.name for path in left]


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
