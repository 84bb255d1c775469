"""The search space: from what a recipe declares to Optuna's distributions, around the recipe's own values."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otx.core.errors import UserError

if TYPE_CHECKING:
    from optuna import Trial

NEAR = 0.25
"""The first trials after the recipe itself stay within this share of each way from its value to the ends."""


@dataclass(frozen=True)
class Axis:
    """The values that are tried for a setting.

    Attributes:
        key: Dotted key of the setting.
        default: The recipe's value.
        low: Least number; meaningless where there are choices.
        high: Greatest number.
        log: Try small numbers as often as large ones.
        choices: All values, as JSON; empty for numbers.
    """

    key: str
    default: Any
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()

    @property
    def start(self) -> Any:  # noqa: ANN401 - a number, or a choice as JSON
        """The recipe's value in Optuna's terms."""
        return json.dumps(self.default) if self.choices else self.default

    def ask(self, trial: Trial) -> Any:  # noqa: ANN401 - settings have many types
        """The value that a trial shall try."""
        if self.choices:
            return json.loads(str(trial.suggest_categorical(self.key, list(self.choices))))
        if isinstance(self.default, int):
            return trial.suggest_int(self.key, math.ceil(self.low), math.floor(self.high), log=self.log)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log)

    def near(self, generator: random.Random) -> Any:  # noqa: ANN401 - settings have many types
        """A value not far from the recipe's, in Optuna's terms."""
        if self.choices:
            return generator.choice(self.choices)
        forth, back = (math.log, math.exp) if self.log else (float, float)
        centre, low, high = (forth(value) for value in (self.default, self.low, self.high))
        value = back(generator.uniform(centre - NEAR * (centre - low), centre + NEAR * (high - centre)))
        return round(value) if isinstance(self.default, int) else min(max(value, self.low), self.high)


def read_space(search: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> list[Axis]:
    """The axes of a search.

    Args:
        search: Setting -> `factor`, `low` and `high` (and `log`), or `choices`, as in `TuningSettings`.
        values: Value of each setting in the recipe.

    Raises:
        UserError: An entry is of none of these forms, or does not fit the setting's value.
    """
    if not search:
        raise UserError("tuning.search names no setting, so there is nothing to tune")
    return [_axis(key, dict(entry), values.get(key)) for key, entry in search.items()]


def _axis(key: str, entry: dict[str, Any], default: Any) -> Axis:  # noqa: ANN401 - settings have many types
    if set(entry) == {"choices"} and isinstance(entry["choices"], list) and entry["choices"]:
        choices = dict.fromkeys(json.dumps(value) for value in (default, *entry["choices"]))
        return Axis(key, default, choices=tuple(choices))
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    numbers = {name: value for name, value in entry.items() if isinstance(value, int | float)}
    log = bool(numbers.pop("log", "factor" in numbers))
    if is_number and set(entry) == {"factor"} and numbers.get("factor", 0) > 1 and default > 0:
        low, high = default / numbers["factor"], default * numbers["factor"]
        return Axis(key, default, max(low, 1) if isinstance(default, int) else low, high, log=True)
    if is_number and set(entry) - {"log"} == {"low", "high"} == set(numbers):
        low, high = numbers["low"], numbers["high"]
        if low <= default <= high and low < high and (low > 0 or not log):
            return Axis(key, default, low, high, log)
    raise UserError(
        f"tuning.search.{key}: expected {{factor: F}} above 1, {{low: L, high: H}} around the recipe's value, or "
        f"{{choices: [...]}}; found {entry} for a value of {default!r}"
    )
