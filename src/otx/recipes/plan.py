"""The plan of a run: every setting with its value, its origin and, where OTX chose it, the reason. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from otx.core.atomic import write_atomic
from otx.core.errors import UserError
from otx.recipes.files import parse_yaml, read_recipe
from otx.recipes.settings import AUTO, DEFAULTS, Settings, as_declared, check_key, check_least, nested, to_settings

Origin = Literal["user", "recipe", "auto"]

HEADER = "# Every setting of this run: its value, who chose it (user | recipe | auto) and, for auto, why.\n"


@dataclass(frozen=True)
class Choice:
    """One setting.

    Attributes:
        value: What it is set to; `auto` until OTX has chosen.
        origin: Who chose it.
        reason: Why, or from which file.
    """

    value: Any
    origin: Origin
    reason: str = ""


@dataclass
class Plan:
    """Settings by dotted key. What the user said wins over the recipe, which wins over what OTX chooses."""

    choices: dict[str, Choice] = field(
        default_factory=lambda: {key: Choice(value, "recipe", "default") for key, value in DEFAULTS.items()}
    )

    def add_recipe(self, name: str) -> None:
        """Lay a recipe of OTX over the defaults and over the recipes added before, under what the user said."""
        for key, value in read_recipe(name).items():
            if self.choices[key].origin != "user":
                self.choices[key] = Choice(as_declared(key, value), "recipe", name)

    def add_user(self, values: Mapping[str, Any], reason: str) -> None:
        """Take over settings that the user gave; a value of `auto` hands the choice back to OTX.

        Raises:
            UserError: There is no such setting, or the number is too small for it.
        """
        for key, value in values.items():
            check_key(key, reason)
            check_least(key, value, reason)
            self.choices[key] = Choice(as_declared(key, value), "user", reason)

    def add_config(self, path: Path) -> None:
        """Take over the settings of a user's recipe file."""
        self.add_user(read_recipe(path), str(path))

    def choose(self, key: str, value: Any, reason: str) -> None:  # noqa: ANN401 - settings have many types
        """Fill a gap: set a value that is still `auto`. A value that somebody chose stays."""
        if self.choices[key].value == AUTO:
            self.choices[key] = Choice(value, "auto", reason)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - settings have many types
        return self.choices[key].value

    def is_open(self, key: str) -> bool:
        """Whether the setting is still to be chosen."""
        return bool(self.choices[key].value == AUTO)

    def settings(self) -> Settings:
        """The values, typed.

        Raises:
            UserError: A value is not of its setting's type.
        """
        return to_settings({key: choice.value for key, choice in self.choices.items()})

    def to_config(self) -> str:
        """The values alone as a recipe file, what `--print_config` prints and `--config` takes."""
        tree = nested({key: choice.value for key, choice in self.choices.items()})
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)

    def write(self, path: Path) -> None:
        """Write `plan.yaml`."""
        rows = {
            key: {"value": choice.value, "origin": choice.origin} | ({"reason": choice.reason} if choice.reason else {})
            for key, choice in self.choices.items()
        }
        body = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=120)
        write_atomic(path, HEADER + body)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read a `plan.yaml`.

        Raises:
            UserError: There is none, or it is not a plan.
        """
        if not path.is_file():
            msg = f"expected the plan of a training run at {path}, found none. Train first: otx train --data_root DIR"
            raise UserError(msg)
        plan = cls()
        try:
            rows = yaml.safe_load(path.read_text(encoding="utf-8"))
            for key, row in rows.items():
                check_key(key, str(path))
                plan.choices[key] = Choice(row["value"], row["origin"], row.get("reason", ""))
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not valid YAML: {error}") from error
        except (AttributeError, TypeError, KeyError) as error:
            msg = f"{path}: expected `setting: {{value, origin, reason}}` rows as `otx train` writes them"
            raise UserError(msg) from error
        return plan


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """`--set KEY=VALUE` words -> values by dotted key; values are YAML.

    Raises:
        UserError: A word has no `=`, or its value is not YAML.
    """
    values: dict[str, Any] = {}
    for word in assignments:
        key, equals, text = word.partition("=")
        if not equals:
            raise UserError(f"--set: expected KEY=VALUE, got {word!r}")
        check_key(key, "--set")
        values |= parse_yaml(_as_yaml(key, text), "--set")
    return values


def _as_yaml(key: str, text: str) -> str:
    sections = key.split(".")
    opening = "".join(f"{{{section}: " for section in sections[:-1])
    return f"{opening}{{{sections[-1]}: {text}}}{'}' * (len(sections) - 1)}"
