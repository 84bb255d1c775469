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
HEADINGS = ("size", "params", "licence", "has", "trained on")
WIDE = 110
"""Columns of a terminal from which there is room for the last heading."""
LEGEND = "has: w pretrained weights; can be e exported, q quantized, x explained, t run on tiles."
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
        "task": str(row.task),
        "parameters": row.parameters,
        "input_size": list(row.input_spec.size),
        "licence": row.licence,
    } | {ability: getattr(row, ability) for ability in ABILITIES}


def _show(rows: list[ModelRow], console: Console) -> None:
    from rich.table import Table

    from otx.core.catalog import by_tasks

    if not rows:
        console.print(f"No model matches. {MORE}")
        return
    widest = max(len(row.name) for row in rows)
    headings = HEADINGS if console.width >= WIDE else HEADINGS[:-1]
    for tasks, members in by_tasks(rows).items():
        console.print(f"[bold]{', '.join(tasks)}[/]")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        # Names are never cut: they are there to be copied.
        table.add_column("model", no_wrap=True, min_width=widest)
        for heading in headings:
            table.add_column(heading, justify="right" if heading in {"size", "params"} else "left", no_wrap=True)
        for row in members:
            table.add_row(row.name, *_cells(row)[: len(headings)])
        console.print(table)
        console.print()
    console.print(f"{LEGEND}\n{MORE}")


def _cells(row: ModelRow) -> list[str]:
    height, width = row.input_spec.size
    abilities = [row.weights is not None, row.exportable, row.quantizable, row.explainable, row.tileable]
    return [
        str(height) if height == width else f"{height}x{width}",
        f"{row.parameters / 1e6:.1f} M",
        row.licence,
        "".join(letter if able else "-" for letter, able in zip("weqxt", abilities, strict=True)),
        row.weights.trained_on if row.weights else "-",
    ]
