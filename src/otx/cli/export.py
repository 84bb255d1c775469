"""`otx export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from otx.cli.lines import quoted, run_options, shown
from otx.cli.options import MaxDrop, Option, OwnModel, WorkDir
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import ExportResult

EXAMPLES = """\
  otx export
  otx export --precision fp16 --bundle
  otx export --format onnx --checkpoint otx-workspace/latest/checkpoints/last.safetensors"""


def run(
    *,
    checkpoint: Annotated[
        Path | None, Option("Checkpoint (default: the best of the run).", "FILE.safetensors", "model")
    ] = None,
    model: OwnModel = None,
    format: Annotated[  # noqa: A002 - the word of the command line
        Literal["openvino", "onnx"], Option("What to write (default: openvino).", group="written model")
    ] = "openvino",
    precision: Annotated[
        Literal["fp32", "fp16"],
        Option("Of the stored weights; fp16 halves the file (default: fp32).", group="written model"),
    ] = "fp32",
    max_drop: MaxDrop = 0.01,
    bundle: Annotated[
        bool, Option("Pack it with a runner that needs no OTX, a model card and a test picture.", group="written model")
    ] = False,
    work_dir: WorkDir = None,
) -> Outcome:
    """Run `otx export`; its `--help` says what the options mean."""
    from otx.engine import Engine

    result = Engine(model=model, work_dir=work_dir).export(
        checkpoint, format=format, precision=precision, max_drop=max_drop, bundle=bundle
    )
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console, run_options(work_dir, model)))


def _show(result: ExportResult, console: Console, run: str) -> None:
    from otx.deploy.settings import parity_file
    from otx.report.tables import parity_table

    console.print(f"\n{shown(result.checkpoint)} exported to {result.format}, {result.precision}", style="bold")
    console.print("\nexported model against checkpoint, on validation images")
    console.print(parity_table(result.parity))
    console.print(f"\nmodel  {shown(result.model)}\nproof  {shown(parity_file(result.model))}")
    if result.bundle is not None:
        console.print(f"bundle {shown(result.bundle)}")
    best = result.checkpoint.name == "best.safetensors"
    checkpoint = "" if best else f" --checkpoint {quoted(result.checkpoint)}"
    console.print(f"next   otx optimize{checkpoint}{run}")
