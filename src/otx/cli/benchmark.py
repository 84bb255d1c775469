"""`otx benchmark`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from otx.cli.lines import quoted, run_options, shown
from otx.cli.options import DataRoot, Option, OwnModel, TrainedFrom, WorkDir
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import BenchmarkResult

EXAMPLES = """\
  otx benchmark
  otx benchmark --seconds 10 --batch_size 16 --json
  otx benchmark --checkpoint otx-workspace/latest/optimize/model.xml"""


def run(
    *,
    checkpoint: TrainedFrom = None,
    model: OwnModel = None,
    seconds: Annotated[float, Option("How long each timing takes (default: 3).", "X", "measurement")] = 3.0,
    batch_size: Annotated[
        int | None,
        Option(
            "Images at a time for the throughput, where the form takes more than one (default: 1 in OpenVINO, else 8).",
            "N",
            "measurement",
        ),
    ] = None,
    data_root: DataRoot = None,
    work_dir: WorkDir = None,
) -> Outcome:
    """Run `otx benchmark`; its `--help` says what the options mean."""
    from otx.engine import Engine

    result = Engine(data_root, model=model, work_dir=work_dir).benchmark(
        checkpoint, seconds=seconds, batch_size=batch_size
    )
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console, run_options(work_dir, model)))


def _show(result: BenchmarkResult, console: Console, run: str) -> None:
    from otx.report.tables import benchmark_table

    console.print(f"\n{shown(result.checkpoint)}: {result.images} images of {result.split}", style="bold")
    console.print(benchmark_table(result.rows, result.metric))
    for row in result.rows:
        if row["note"]:
            console.print(f"{row['name']} on {row['device']}: {row['note']}")
    if result.load > 0.5:
        console.print(f"\nother work was running (load {result.load:.1f}): times mean little")
    console.print(f"\nfigures  {shown(result.work_dir)}/benchmark/benchmark.json")
    optimized = result.work_dir / "optimize" / "model.xml"
    predict = f"otx predict --input FILE|DIR --checkpoint {quoted(optimized)}"
    console.print(f"next     {predict if optimized.is_file() else 'otx optimize'}{run}")
