"""`otx find`."""

from __future__ import annotations

from itertools import accumulate
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
HEADINGS = ("model", "has", "size", "params", "licence", "trained on")
"""The most useful first: those at the end are left out of a narrow terminal."""
LEGEND = "has: w pretrained weights; can be e exported, q quantized, x explained, t run on tiles."
MORE = "Any other name that timm or MMDetection knows works too: --model timm/NAME, --model mmdet/CONFIG."


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
    for tasks, members in by_tasks(rows).items():
        console.print(", ".join(tasks), style="bold")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        lines = [HEADINGS, *([row.name, *_cells(row)] for row in members)]
        widths = [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]
        # Names are never cut: they are there to be copied. What does not fit beside them is left out.
        shown = [heading for heading, end in zip(HEADINGS, accumulate(widths), strict=True) if end - 2 <= console.width]
        for heading in shown or HEADINGS[:1]:
            table.add_column(heading, justify="right" if heading in {"size", "params"} else "left", no_wrap=True)
        for line in lines[1:]:
            table.add_row(*line[: len(table.columns)])
        console.print(table)
        console.print()
    console.print(f"{LEGEND}\n{MORE}")


def _cells(row: ModelRow) -> list[str]:
    height, width = row.input_spec.size
    abilities = [row.weights is not None, row.exportable, row.quantizable, row.explainable, row.tileable]
    return [
        "".join(letter if able else "-" for letter, able in zip("weqxt", abilities, strict=True)),
        str(height) if height == width else f"{height}x{width}",
        f"{row.parameters / 1e6:.1f} M",
        row.licence,
        row.weights.trained_on if row.weights else "-",
    ]
