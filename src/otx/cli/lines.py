"""Wording that the closing lines of the verbs share. Imports nothing heavy."""

from __future__ import annotations

import shlex
from pathlib import Path


def shown(path: Path) -> str:
    """A path as short as it can be copied: relative to the current folder where it lies below it."""
    absolute = Path.cwd() / path
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def run_options(work_dir: Path | None) -> str:
    """What the next command must say to find the same run; nothing if that is the latest."""
    return f" --work_dir {shlex.quote(str(work_dir))}" if work_dir is not None else ""


def duration(seconds: float) -> str:
    """`48 s`, `3 min 20 s`, `1 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
