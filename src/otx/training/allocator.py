"""Lets a training on the CPU keep the memory that it frees, because the next step asks for the same again."""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to hand no freed memory back to the system until the process ends.

    By default glibc maps each large tensor anew and unmaps it when it is freed, so that the system has to clear the
    pages of all activations in every step: a fifth to a third of the time of a step (mobilenetv4_conv_small and
    efficientnet_b0 at 224 pixels on two cores: 0.46 -> 0.35 s and 2.0 -> 1.4 s; `benchmarks/train_speed.py`), for 5 %
    more memory at the peak. The usual advice is to preload another allocator; this needs none.

    Returns:
        Whether it was told: other C libraries than glibc are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, LARGEST))
