"""What the user gave to the Engine; every verb starts from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otx.recipes.plan import Plan

if TYPE_CHECKING:
    from otx.core.model import OTXModel
    from otx.data.own import OwnData


@dataclass
class Given:
    """The words of the user, before anything is chosen.

    Attributes:
        work_dir: Where to write, or the run to take; None: a new one or the latest.
        config: A recipe file of the user's.
        model: A model object of the user's own.
        data: A data set of the user's own.
        settings: Values by dotted key.
        began: Clock (monotonic) from which a bound time counts; None: from the call of the verb.
    """

    work_dir: Path | None = None
    config: Path | None = None
    model: OTXModel[Any, Any] | None = None
    data: OwnData | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    began: float | None = None

    def plan(self, extra: Mapping[str, Any] | None = None) -> Plan:
        """What the user has said so far, over the defaults.

        Args:
            extra: More settings by dotted key, from the arguments of a verb; None stands for nothing said.

        Raises:
            UserError: There is no such setting.
        """
        plan = Plan()
        if self.config is not None:
            plan.add_config(self.config)
        said = {key: value for key, value in (extra or {}).items() if value is not None}
        plan.add_user({**self.settings, **said}, "given")
        return plan


def training_settings(*, tile: bool | str | None = None, **training: object) -> dict[str, Any]:
    """The arguments of a training verb as settings by dotted key."""
    return {"data.tile": tile} | {f"training.{name}": value for name, value in training.items()}


def absolute_text(path: str | Path | None) -> str | None:
    """A path that means the same from another folder."""
    return str(Path(path).absolute()) if path is not None else None


def as_path(value: str | Path | None) -> Path | None:
    """A path, if one was given."""
    return Path(value) if value is not None else None
