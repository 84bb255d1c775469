"""`otx explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from otx.cli.lines import duration, run_options, shown
from otx.cli.options import OnBadData, Option, OwnModel, TrainedFrom, WorkDir
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import ExplainResult

EXAMPLES = """\
  otx explain --input photo.jpg
  otx explain --input pictures/ --checkpoint otx-workspace/latest/export/model.xml --json"""


def run(
    *,
    input: Annotated[  # noqa: A002 - the word of the command line
        str, Option("A picture, a folder of them, or a pattern in quotes.", "FILE|DIR|GLOB", "data", required=True)
    ] = "",
    checkpoint: TrainedFrom = None,
    model: OwnModel = None,
    on_bad_data: OnBadData = None,
    work_dir: WorkDir = None,
) -> Outcome:
    """Run `otx explain`; its `--help` says what the options mean."""
    from otx.engine import Engine

    result = Engine(model=model, work_dir=work_dir, on_bad_data=on_bad_data).explain(input, checkpoint)
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console, run_options(work_dir, model)))


def _show(result: ExplainResult, console: Console, run: str) -> None:
    console.print(f"\n{shown(result.checkpoint)}: {result.images} images, {duration(result.seconds)}", style="bold")
    console.print(f"{result.evidence} of {result.maps} maps explain more than random ones; the others are not drawn")
    for path in result.skipped:
        console.print(f"not readable: {path}")
    console.print(f"\nscores    {shown(result.scores)}  (and a map per label as .npy)")
    console.print(f"pictures  {shown(result.pictures)}")
    if result.checkpoint.suffix == ".safetensors":
        console.print(f"next      otx export{run}")
