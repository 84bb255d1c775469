"""The learning rate of each step as a pure function, so that nothing of it needs saving. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from otx.training.settings import ScheduleSettings

WARMUP_SHARE = 10
LONGEST_WARMUP = 500


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, a flat part, then half a cosine (Loshchilov and Hutter, SGDR, 2017) without restarts.

    Attributes:
        total_steps: Optimiser steps of the whole run.
        warmup_steps: Steps of the way up.
        final_ratio: Factor at the end.
        flat: Share of the steps after the warm-up that the peak is kept for (as in DEIM, CVPR 2025).
    """

    total_steps: int
    warmup_steps: int
    final_ratio: float
    flat: float = 0.0

    @classmethod
    def plan(cls, settings: ScheduleSettings, total_steps: int) -> Schedule:
        """Fill in the length of the warm-up."""
        automatic = min(LONGEST_WARMUP, total_steps // WARMUP_SHARE)
        warmup = automatic if settings.warmup_steps == "auto" else settings.warmup_steps
        return cls(total_steps, int(warmup), settings.final_ratio, settings.flat)

    def factor(self, step: int) -> float:
        """Factor in (0, 1] on the peak learning rate at a step, counted from 0."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        falls_at = self.warmup_steps + self.flat * (self.total_steps - self.warmup_steps)
        way = min(1.0, max(0.0, step - falls_at) / max(1, self.total_steps - falls_at))
        return self.final_ratio + (1 - self.final_ratio) * (1 + math.cos(math.pi * way)) / 2
