"""Random numbers of a training step as a function of the seed and the step's number alone.

Then there is no generator state to save: a run that was killed and goes on draws what it would have drawn.
"""

from __future__ import annotations

import random

import numpy as np
import torch

_MASK = (1 << 64) - 1


def mix(*numbers: int) -> int:
    """A well-spread 64-bit number from a few (SplitMix64, Steele et al. 2014)."""
    value = 0
    for number in numbers:
        value = (value + number + 0x9E3779B97F4A7C15) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        value ^= value >> 31
    return value


def seed_step(seed: int, step: int, device: torch.device) -> None:
    """Seed the generators that networks draw from (dropout, denoising queries) for one training step."""
    number = mix(seed, step)
    # torch.manual_seed would touch every backend of the build and record a stack trace each time.
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)
    elif device.type == "xpu":
        torch.xpu.manual_seed(number)
    random.seed(number)
    np.random.seed(number & 0xFFFFFFFF)  # noqa: NPY002 - networks of others draw from the global generator
