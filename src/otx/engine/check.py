"""`otx check`: what a data root holds, and whether it can be trained on. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from otx.core.errors import UserError
from otx.data.check import check_data
from otx.data.index import build_index
from otx.data.source import DataSource
from otx.engine.autoconfig import choose_task
from otx.engine.reading import open_root
from otx.engine.results import CheckResult
from otx.engine.workspace import Workspace
from otx.recipes.plan import Plan
from otx.tasks import task_specs


def check(plan: Plan, work_dir: Path | None = None) -> CheckResult:
    """Read all annotations and the heads of all images; the data root is left as it is.

    Args:
        plan: Names the data root and whatever else the user said; the task is chosen from the content if it is open.
        work_dir: Gets the report as `data/report.json`; None: nothing is written.

    Raises:
        UserError: There is no such folder, its format is unknown, or the named task or format does not exist.
    """
    report = _look(open_root(plan), plan, task_is_given=not plan.is_open("task"))
    if work_dir is not None:
        Workspace(work_dir.absolute()).write_json("data/report.json", report)
    return CheckResult(trainable=report["trainable"], task=report["task"], report=report)


def _look(source: DataSource, plan: Plan, *, task_is_given: bool) -> dict[str, Any]:
    try:
        spec = choose_task(plan, source.evidence, task_specs())
    except UserError as error:
        if task_is_given:
            raise
        return check_data(source, None, reason=str(error))
    chosen = {"task_reason": plan.choices["task"].reason}
    try:
        # `skip`, whatever training would do: a check goes on to find everything.
        index = build_index(source, spec.load("reader")(), on_bad_data="skip", seed=plan["seed"], split_file=None)
    except UserError as error:
        return check_data(source, None, spec.task, reason=str(error)) | chosen
    return check_data(source, index, spec.task, plan["on_bad_data"]) | chosen
