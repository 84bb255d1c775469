"""Imports anomalib without its warnings about modules of its own that it imports itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_import() -> Iterator[None]:
    """Within it, anomalib is imported without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
