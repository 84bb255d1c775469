"""`otx compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from otx.cli.options import Option
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import CompareResult

EXAMPLES = """\
  otx compare run_a run_b
  otx compare run_a/test/metrics.json run_b --json"""


def run(
    *,
    first: Annotated[
        Path | None, Option("Work dir, or metrics.json of otx test.", "RUN", "runs", required=True, bare=True)
    ] = None,
    second: Annotated[Path | None, Option("The other one.", "RUN", "runs", required=True, bare=True)] = None,
) -> Outcome:
    """Run `otx compare`; its `--help` says what the options mean."""
    from otx.engine import Engine

    assert first is not None
    assert second is not None
    result = Engine().compare(first, second)
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console))


def _show(result: CompareResult, console: Console) -> None:
    from otx.report.tables import compare_table

    console.print(f"\n{result.images} images of {result.split}: {result.second} against {result.first}", style="bold")
    console.print(compare_table(result.rows))
    console.print(
        "\nA difference is called significant if its 95 % interval, over paired random choices of these images, leaves "
        "out 0.\nWhat another seed of training would change is not in it: otx train --seeds 3"
    )
    surer = [str(row["metric"]) for row in result.rows if row["significant"]]
    console.print(f"significant  {', '.join(surer) or 'none'}\nnext         otx test --work_dir DIR --split val")
