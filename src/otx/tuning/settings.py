"""What can be set about tuning. Imports neither torch nor Optuna."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _default_search() -> dict[str, dict[str, Any]]:
    return {
        "training.optimizer.lr": {"factor": 5},
        "training.optimizer.weight_decay": {"factor": 5},
        "training.ema_decay": {"choices": [0.0, 0.99, 0.999]},
    }


@dataclass(frozen=True, kw_only=True)
class TuningSettings:
    """What `otx tune` tries; no other verb reads it."""

    search: dict[str, dict[str, Any]] = field(default_factory=_default_search)
    """Setting -> its values: {factor: 5}, five times less to five times more; {low: 1, high: 9}, and log: true to try
    small ones as often as large ones; or {choices: [a, b]}. The value of the recipe is always the first to be tried."""
