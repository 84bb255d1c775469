"""Wording that the closing lines of the verbs share. Imports nothing heavy."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from otx.core.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600}
GIB_OF = {"M": 1 / 1024, "G": 1.0}


def shown(path: Path) -> str:
    """A path as short as it can be copied: relative to the current folder where it lies below it."""
    absolute = Path.cwd() / path
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)


def quoted(path: Path) -> str:
    """The same as a word of a command."""
    return shlex.quote(shown(path))


def run_options(work_dir: Path | None, model: str | None) -> str:
    """What the next command must say to find the same run, unless that is the latest, and to run a file of code."""
    options = {"work_dir": work_dir, "model": model if ".py:" in (model or "") else None}
    return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None)


def duration(seconds: float) -> str:
    """`48 s`, `3 min 20 s`, `1 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def parse_duration(option: str, text: str) -> float:
    """`90s`, `15m`, `1h30m` -> seconds.

    Args:
        option: Whose value it is.
        text: The value.

    Raises:
        UserError: It is no duration.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if not seconds or "".join(number + unit for number, unit in parts) != text:
        raise UserError(f"{option}: expected a time such as 90s, 15m or 1h30m, got {text!r}")
    return seconds


def parse_size(option: str, text: str) -> float:
    """`4G`, `500M` -> GiB.

    Args:
        option: Whose value it is.
        text: The value.

    Raises:
        UserError: It is no amount of memory.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([MG])", text)
    if not found or not float(found[1]):
        raise UserError(f"{option}: expected an amount of memory such as 4G or 500M, got {text!r}")
    return float(found[1]) * GIB_OF[found[2]]
