"""`otx optimize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from otx.cli.lines import quoted, run_options, shown
from otx.cli.options import DataRoot, MaxDrop, Option, OwnModel, WorkDir
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import OptimizeResult

EXAMPLES = """\
  otx optimize --max_drop 0.02
  otx optimize --method qat
  otx optimize --checkpoint otx-workspace/latest/export/model.xml --method accuracy"""


def run(
    *,
    checkpoint: Annotated[
        Path | None,
        Option("Checkpoint (.safetensors) or IR (.xml) (default: the best checkpoint of the run).", "FILE", "model"),
    ] = None,
    model: OwnModel = None,
    method: Annotated[
        Literal["ptq", "accuracy", "qat"],
        Option(
            "ptq: the quickest of several ways that keeps the metric; accuracy: begin with the slow one that turns "
            "layers back; qat: train the checkpoint on for a few epochs with its quantisers in (default: ptq).",
            group="written model",
        ),
    ] = "ptq",
    max_drop: MaxDrop = 0.01,
    data_root: DataRoot = None,
    work_dir: WorkDir = None,
) -> Outcome:
    """Run `otx optimize`; its `--help` says what the options mean."""
    from otx.engine import Engine

    result = Engine(data_root, model=model, work_dir=work_dir).optimize(checkpoint, method=method, max_drop=max_drop)
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console, run_options(work_dir, model)))


def _show(result: OptimizeResult, console: Console, run: str) -> None:
    from otx.report.tables import parity_table

    console.print(
        f"\n{shown(result.checkpoint)} quantised on {result.calibration_images} training images", style="bold"
    )
    console.print("\nexported models against checkpoint, on validation images")
    console.print(parity_table(result.parity))
    console.print("\nThese images chose the way to INT8, so others may lose more. What the test images say:")
    console.print(f"       otx test --checkpoint {quoted(result.model)}{run}")
    console.print(f"\nmodel  {shown(result.model)}\nproof  {shown(result.model.parent / 'parity.json')}")
    console.print(f"next   otx benchmark{run}")
