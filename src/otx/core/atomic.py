"""Files that are either the old ones or the new ones, whatever happens while they are written. Imports no torch."""

from __future__ import annotations

import errno
import json
import os
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otx.core.errors import OTXError

PARTIAL = ".partial"
FOREIGN = "backslashreplace"
r"""Bytes of a file name that is not UTF-8 are written as `\udcXX`, which JSON reads as the same name again."""
FULL = (errno.ENOSPC, errno.EDQUOT)


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
    except Exception as error:
        # safetensors has an error of its own, which gives the system's number in words only.
        if getattr(error, "errno", None) in FULL or any(f"os error {number}" in str(error) for number in FULL):
            raise OTXError(
                f"the disk is full: {path} could not be written. Nothing that was there is lost; make room, and go on "
                "with the same command (a training with --resume)."
            ) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_atomic(path: Path, text: str) -> None:
    """Write a text file by `replacing`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors=FOREIGN)


@contextmanager
def replacing_list(path: Path, *, indent: int | None = 2) -> Iterator[Callable[[Any], None]]:
    """The like for a list as JSON that is written entry by entry, so that it never is in memory as a whole.

    Args:
        path: The file.
        indent: Of the lines of an entry; None writes a line for each.

    Yields:
        Takes the entries.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", errors=FOREIGN) as file:
        count = 0

        def write(entry: Any) -> None:  # noqa: ANN401 - JSON
            nonlocal count
            text = textwrap.indent(json.dumps(entry, indent=indent, ensure_ascii=False), "  ")
            file.write((",\n" if count else "[\n") + text)
            count += 1

        yield write
        file.write("\n]\n" if count else "[]\n")


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
