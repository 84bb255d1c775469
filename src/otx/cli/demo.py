"""`otx demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from otx.cli.lines import duration, quoted, shown
from otx.cli.options import Option
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import DemoResult

EXAMPLES = """\
  otx demo
  otx demo --task MULTI_CLASS_CLS
  otx demo --only_data digits"""


def run(
    *,
    task: Annotated[str, Option("What to demonstrate (default: DETECTION).", "TASK", "demonstration")] = "DETECTION",
    only_data: Annotated[
        Path | None, Option("Write the data set there, a new or empty folder, and stop.", "DIR", "demonstration")
    ] = None,
    work_dir: Annotated[
        Path | None, Option("Folder of the run (default: otx-demo/TASK-TIME).", "DIR", "output")
    ] = None,
) -> Outcome:
    """Run `otx demo`; its `--help` says what the options mean."""
    from otx.engine.demo import demo, write_demo_data

    if only_data is not None:
        write_demo_data(task, only_data)
        return Outcome(
            document={"data_root": str(only_data.absolute())},
            show=lambda console: console.print(
                f"data set  {shown(only_data)}\nnext      otx check --data_root {quoted(only_data)}"
            ),
        )
    result = demo(task, work_dir)
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console))


def _show(result: DemoResult, console: Console) -> None:
    from otx.report.tables import metrics_table, parity_table, plain_table

    steps = plain_table("step", "time")
    for step, seconds in result.seconds.items():
        steps.add_row(step, duration(seconds))
    console.print(f"\n{result.model} from scratch on handwritten digits ({result.task})\n", style="bold")
    console.print(steps)
    console.print("\non the test subset")
    console.print(metrics_table({"checkpoint": result.metrics, "OpenVINO IR": result.metrics_exported}))
    console.print("\nexported model against checkpoint, on validation images")
    console.print(parity_table(result.parity))
    console.print()
    for name, path in (
        ("data set", result.data_root),
        ("run", result.work_dir),
        ("OpenVINO IR", result.exported),
        ("predictions", result.predictions),
        ("pictures", result.pictures),
        ("plots", result.plots),
    ):
        console.print(f"{name:<12} {shown(path)}")
    console.print("next         otx train --data_root DIR   (your own pictures)")
