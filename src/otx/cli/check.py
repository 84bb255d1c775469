"""`otx check`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from otx.cli.options import DataFormat, OnBadData, Option, TaskName
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = """\
  otx check --data_root my_data
  otx check --data_root my_data --task DETECTION --data_format coco
  otx check --data_root my_data --on_bad_data skip --json"""
PLACES_SHOWN = 3
CLASSES_SHOWN = 30


def run(
    *,
    data_root: Annotated[Path | None, Option("Folder of the data set.", "DIR", "data", required=True)] = None,
    task: TaskName = None,
    data_format: DataFormat = None,
    on_bad_data: OnBadData = None,
    work_dir: Annotated[
        Path | None, Option("Folder that gets the report as data/report.json (default: none).", "DIR", "output")
    ] = None,
) -> Outcome:
    """Run `otx check`; its `--help` says what the options mean."""
    from otx.engine import Engine

    engine = Engine(data_root, task=task, work_dir=work_dir, data_format=data_format, on_bad_data=on_bad_data)
    result = engine.check()
    return Outcome(
        document=result.to_json(),
        show=lambda console: _show(result.report, data_root, work_dir, console),
        exit_status=0 if result.trainable else 1,
    )


def _show(report: dict[str, Any], data_root: Path | None, work_dir: Path | None, console: Console) -> None:
    _facts(report, console)
    if report["subsets"]:
        _counts(report, console)
    _problems(report["problems"], console)
    if work_dir is not None:
        console.print(f"\nreport   {work_dir}/data/report.json")
    if report["trainable"]:
        console.print("\nverdict  ", end="")
        console.print("can be trained on", style="bold green")
        console.print(f"next     otx train --data_root {shlex.quote(str(data_root))}")
    else:
        console.print("\nverdict  ", end="")
        console.print("cannot be trained on", style="bold red", end="")
        console.print(f": {report['reason']}")


def _facts(report: dict[str, Any], console: Console) -> None:
    rows = [("format", line) for line in report["why"]]
    if report["task"]:
        reason = report.get("task_reason", "")
        rows.append(("task", f"{report['task']}: {'asked for' if reason == 'given' else reason}"))
    sizes = report["image_sizes"]
    if sizes:
        spread = ", ".join(f"{name} {_spread(sizes[name])}" for name in ("width", "height"))
        rows.append((_kind(report), f"{report['evidence']['items']}, {spread} pixels, {report['pixels']}"))
    rows.append(("subsets", report["split"]))
    last = ""
    for name, text in rows:
        if text:
            console.print(f"{name if name != last else '':<8} {text}")
        last = name


def _kind(report: dict[str, Any]) -> str:
    return "videos" if report["evidence"]["videos"] else "images"


def _spread(size: dict[str, int]) -> str:
    if size["min"] == size["max"]:
        return str(size["min"])
    return f"{size['min']} to {size['max']} (median {size['median']})"


def _counts(report: dict[str, Any], console: Console) -> None:
    from otx.report.tables import plain_table

    subsets = report["subsets"]
    table = plain_table("", *subsets)
    table.add_row(_kind(report), *(str(subset["images"]) for subset in subsets.values()))
    table.add_row("objects", *(str(subset["objects"]) for subset in subsets.values()))
    for label in report["labels"][:CLASSES_SHOWN]:
        table.add_row(f"  {label}", *(str(subset["per_class"][label]) for subset in subsets.values()))
    console.print()
    console.print(table)
    if len(report["labels"]) > CLASSES_SHOWN:
        console.print(f"  ... {len(report['labels']) - CLASSES_SHOWN} more classes: --json has them all")


def _problems(problems: list[dict[str, Any]], console: Console) -> None:
    console.print(f"\nproblems {'' if problems else 'none'}")
    for problem in problems:
        effect = "cannot be used" if problem["bad"] else "mended or harmless"
        console.print(f"  {problem['count']} x {problem['kind']} ({effect})")
        for place in problem["examples"][:PLACES_SHOWN]:
            console.print(f"      {place['where']}{': ' if place['message'] else ''}{place['message']}")
        if problem["count"] > PLACES_SHOWN:
            console.print(f"      ... {problem['count'] - PLACES_SHOWN} more")
