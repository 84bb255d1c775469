"""`otx check`: what a data root holds, and whether it can be trained on. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from otx.core.errors import UserError
from otx.data.check import check_data
from otx.data.index import DataIndex, build_index
from otx.data.source import DataSource, open_source
from otx.engine.autoconfig import choose_task, preferred_formats
from otx.engine.results import CheckResult
from otx.engine.workspace import Workspace
from otx.recipes.plan import Plan
from otx.recipes.settings import AUTO
from otx.tasks import task_specs


def check(plan: Plan, work_dir: Path | None = None) -> CheckResult:
    """Read all annotations and the heads of all images; the data root is left as it is.

    Args:
        plan: Names the data root and whatever else the user said; the task is chosen from the content if it is open.
        work_dir: Gets the report as `data/report.json`; None: nothing is written.

    Raises:
        UserError: There is no such folder, its format is unknown, or the named task or format does not exist.
    """
    if not plan["data_root"]:
        raise UserError("no data set: name its folder with --data_root DIR")
    result = _look(plan, plan["data_format"])
    if work_dir is not None:
        Workspace(work_dir.absolute()).write_json("data/report.json", result.report)
    return result


def _look(plan: Plan, data_format: str) -> CheckResult:
    preferred = preferred_formats(plan, task_specs())
    source = open_source(Path(plan["data_root"]), None if data_format == AUTO else data_format, preferred)
    task_is_given = not plan.is_open("task")
    try:
        spec = choose_task(plan, source.evidence, task_specs())
    except UserError as error:
        if task_is_given:
            raise
        return CheckResult(trainable=False, task=None, report=_without_index(source, None, str(error)))
    task = str(spec.task)
    try:
        index = _index(source, plan, spec.load("reader")())
    except UserError as error:
        report = _without_index(source, task, str(error))
    else:
        report = check_data(source, index, spec.task, plan["on_bad_data"])
    report["task_reason"] = plan.choices["task"].reason
    return CheckResult(trainable=report["trainable"], task=task, report=report)


def _index(source: DataSource, plan: Plan, reader: Any) -> DataIndex:  # noqa: ANN401 - each task has its own
    # `skip`, whatever training would do: a check goes on to find everything.
    return build_index(source, reader, on_bad_data="skip", seed=plan["seed"], split_file=None)


def _without_index(source: DataSource, task: str | None, reason: str) -> dict[str, Any]:
    """The report on a data set that no task can use: what the files say, and why that is not enough."""
    return {
        "task": task,
        "format": source.format,
        "evidence": {
            "items": source.evidence.items,
            "annotations": dict(source.evidence.annotations),
            "unlabelled": source.evidence.unlabelled,
            "videos": source.evidence.videos,
        },
        "why": list(source.why),
        "labels": [],
        "subsets": {
            name: {"images": len(items), "objects": 0, "per_class": {}} for name, items in source.subsets.items()
        },
        "split": "",
        "image_sizes": {},
        "pixels": "",
        "problems": source.problems.to_list(),
        "trainable": False,
        "reason": reason,
    }
