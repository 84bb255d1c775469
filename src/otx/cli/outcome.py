"""What a verb gives to the command line: a document for programs, lines for people. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of a verb.

    Attributes:
        document: What `--json` prints; None prints nothing.
        show: Prints the same for people.
        exit_status: 0, or 1 where the work failed a check whose result is worth printing.
    """

    document: Any
    show: Callable[[Console], None]
    exit_status: int = 0
