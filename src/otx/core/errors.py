"""Errors that a user can act on: what was expected, what was found, where, and what to do."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable


class OTXError(Exception):
    """A failure whose message is meant for the user; the command line prints it without a traceback.

    Attributes:
        exit_status: What the command `otx` exits with: 1 the work failed a check, 2 the command or its input is wrong.
    """

    exit_status = 1


class UserError(OTXError, ValueError):
    """The command, a setting, a file or a data set is wrong, and the user can mend it."""

    exit_status = 2


class MissingExtraError(OTXError, ImportError):
    """A framework is asked for whose package is not installed."""

    exit_status = 2

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package!r} is not installed. Install it with: pip install 'otx[{extra}]'")


def require(package: str, extra: str) -> None:
    """Make sure that a package is there that a base installation does not have.

    Raises:
        MissingExtraError: It is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(package, extra)


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that names what the user may have meant, for the end of an error message.

    Returns:
        `" Did you mean 'x'?"` for a near miss, else `" Known: a, b, c."`.
    """
    names = sorted(map(str, known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" Known: {', '.join(names)}." if names else ""
