"""Where output goes: results on stdout, the rest on stderr; colours and tables only where somebody looks."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNBROKEN = 10_000
"""Columns of a file or pipe: lines are as long as they are."""


def console(*, stderr: bool = False) -> Console:
    """A terminal gets rich output of its width, anything else plain text whose lines are never broken."""
    from rich.console import Console

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,  # paths and labels may hold brackets, also in tables
        emoji=False,
        soft_wrap=True,
        width=None if is_terminal else UNBROKEN,
    )


def show_log() -> None:
    """Let people read on stderr what the rooms of OTX log, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("otx")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send whatever this process, its children and libraries in C print on stdout to stderr."""
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
