"""Random numbers as a pure function of what they are for, so that neither workers nor resuming can change them."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_of(*numbers: int) -> int:
    """A 64-bit seed from a few integers, such as (seed, epoch, index)."""
    packed = struct.pack(f"<{len(numbers)}q", *numbers)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little")


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Seeds torch's CPU generator, NumPy's and Python's within the block; afterwards they go on as if nothing were.

    Accelerators' generators are left alone, which `torch.manual_seed` would not do.
    """
    seed = seed_of(*numbers)
    generator = torch.default_generator
    before = generator.get_state(), random.getstate(), np.random.get_state()  # noqa: NPY002 - transforms may use it
    generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)  # noqa: NPY002
    try:
        yield
    finally:
        generator.set_state(before[0])
        random.setstate(before[1])
        np.random.set_state(before[2])  # noqa: NPY002
