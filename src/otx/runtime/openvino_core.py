"""OpenVINO's CPU plugin and the signal stack of a thread.

The plugin gives the thread that starts it a signal stack, and when it ends gives back the one before. Of two cores that
end in the order they began the second gives back that of the first, which is freed by then: the next signal is written
over whatever lies there (OpenVINO 2026.4; docs/decisions/0012-signal-stacks.md).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import openvino as ov

_STACK_T = 24
"""Size of the C structure `stack_t` on 64-bit Linux, in bytes."""


@cache
def openvino_core() -> Any:  # noqa: ANN401 - openvino is untyped
    """The process's only `openvino.Core`, which is never freed."""
    return ov.Core()


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Whatever cores begin and end inside, the thread leaves with the signal stack that it had."""
    if sys.platform != "linux":
        yield
        return
    libc, stack = ctypes.CDLL(None), ctypes.create_string_buffer(_STACK_T)
    libc.sigaltstack(None, stack)
    try:
        yield
    finally:
        libc.sigaltstack(stack, None)
