"""The tasks of OTX, one folder each, and the list of them. Imports no torch."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from otx.core.errors import UserError, nearest
from otx.core.task import TaskSpec


@cache
def task_specs() -> dict[str, TaskSpec]:
    """Every task that can be used: the folders of this package and packages with an `otx.tasks` entry point.

    A folder offers `SPECS`, a tuple of rows, in its `spec.py`; an entry point names such a tuple.

    Raises:
        UserError: Two packages offer the same task.
    """
    offers: list[TaskSpec] = []
    for folder in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        if folder.ispkg:
            offers += importlib.import_module(f"{folder.name}.spec").SPECS
    for entry in entry_points(group="otx.tasks"):
        offers += entry.load()

    specs: dict[str, TaskSpec] = {}
    for spec in offers:
        if spec.task in specs:
            raise UserError(f"task {spec.task} is offered twice; remove one of the packages that provide it")
        specs[spec.task] = spec
    return specs


def task_spec(task: str) -> TaskSpec:
    """The row of one task, by its name in any case.

    Raises:
        UserError: There is no such task; the message names the nearest.
    """
    specs = task_specs()
    name = task.upper()
    if name not in specs:
        raise UserError(f"unknown task {task!r}.{nearest(name, specs)}")
    return specs[name]
