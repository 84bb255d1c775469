"""`otx test`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from otx.cli.lines import duration, quoted, run_options, shown
from otx.cli.options import DataRoot, Option, OwnModel, TrainedFrom, WorkDir
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import TestResult

EXAMPLES = """\
  otx test
  otx test --checkpoint otx-workspace/latest/export/model.xml
  otx test --data_root other_data --split val --json"""


def run(
    *,
    checkpoint: TrainedFrom = None,
    model: OwnModel = None,
    data_root: DataRoot = None,
    split: Annotated[
        Literal["train", "val", "test"], Option("Subset to measure on (default: test).", group="data")
    ] = "test",
    work_dir: WorkDir = None,
) -> Outcome:
    """Run `otx test`; its `--help` says what the options mean."""
    from otx.engine import Engine

    result = Engine(data_root, model=model, work_dir=work_dir).test(checkpoint, split=split)
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console, run_options(work_dir, model)))


def _show(result: TestResult, console: Console, run: str) -> None:
    from otx.report.tables import metrics_table, per_class_table

    console.print(
        f"\n{shown(result.checkpoint)} on {result.split}: {result.images} images, {duration(result.seconds)}",
        style="bold",
    )
    console.print(metrics_table({result.split: result.metrics}, intervals=result.intervals))
    if result.per_class:
        console.print(per_class_table(result.per_class))
    exported = result.checkpoint.suffix != ".safetensors"
    following = "otx predict --input FILE|DIR" if exported else "otx export"
    console.print(f"\nmetrics  {shown(result.work_dir)}/test/metrics.json\nplots    {shown(result.work_dir)}/plots")
    checkpoint = f" --checkpoint {quoted(result.checkpoint)}" if exported else ""
    console.print(f"next     {following}{checkpoint}{run}")
