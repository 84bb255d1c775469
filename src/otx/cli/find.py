"""`otx find`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from otx.cli.options import Option
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.core.catalog import ModelRow

EXAMPLES = """\
  otx find
  otx find --task DETECTION
  otx find --pattern mobilenet --json"""
ABILITIES = ("exportable", "quantizable", "explainable", "tileable")
LEGEND = "can: e exportable, q quantizable, x explainable, t tileable; weights: what they were trained on"
MORE = "Any other name that timm knows works too: --model timm/NAME."


def run(
    *,
    task: Annotated[str | None, Option("Only models of this task.", "TASK", "filter")] = None,
    pattern: Annotated[str, Option("Only names that contain this.", "TEXT", "filter")] = "",
) -> Outcome:
    """Run `otx find`; its `--help` says what the options mean."""
    from otx.frameworks import catalog
    from otx.tasks import task_spec

    rows = catalog().find(task_spec(task).task if task else None, pattern)
    return Outcome(document=[_entry(row) for row in rows], show=lambda console: _show(rows, console))


def _entry(row: ModelRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "task": row.task.value,
        "parameters": row.parameters,
        "input_size": list(row.input_spec.size),
        "licence": row.licence,
    } | {ability: getattr(row, ability) for ability in ABILITIES}


def _show(rows: list[ModelRow], console: Console) -> None:
    from rich.table import Table

    if not rows:
        console.print(f"No model matches. {MORE}")
        return
    for task in dict.fromkeys(row.task for row in rows):
        # Names are never cut: they are there to be copied. Where a terminal is too narrow, the last columns suffer.
        table = Table(title=task.value, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("model", no_wrap=True, min_width=max(len(row.name) for row in rows))
        for heading in ("size", "params", "licence", "weights", "can"):
            table.add_column(heading, justify="right" if heading == "params" else "left", no_wrap=True)
        for row in rows:
            if row.task == task:
                table.add_row(row.name, *_cells(row))
        console.print(table, soft_wrap=False)
        console.print()
    console.print(f"{LEGEND}\n{MORE}")


def _cells(row: ModelRow) -> tuple[str, ...]:
    height, width = row.input_spec.size
    letters = {"exportable": "e", "quantizable": "q", "explainable": "x", "tileable": "t"}
    return (
        f"{height}x{width}",
        f"{row.parameters / 1e6:.1f} M",
        row.licence,
        row.weights.trained_on if row.weights else "-",
        "".join(letter if getattr(row, ability) else "-" for ability, letter in letters.items()),
    )
