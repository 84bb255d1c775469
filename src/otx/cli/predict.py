"""`otx predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from otx.cli.lines import duration, run_options, shown
from otx.cli.options import OnBadData, Option, OwnModel, TrainedFrom, WorkDir
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import PredictResult

EXAMPLES = """\
  otx predict --input pictures/ --checkpoint otx-workspace/latest/export/model.xml
  otx predict --input clip.mp4 --threshold 0.4 --json
  otx predict --input 'my_data/images/*.jpg' --coco my_data/annotations/test.json --threshold 0"""
SKIPPED_SHOWN = 5


def run(
    *,
    input: Annotated[  # noqa: A002 - the word of the command line
        str,
        Option(
            "Pictures or videos, a folder or a pattern in quotes, camera:0 or an rtsp:// or http(s):// address.",
            "FILE|DIR|GLOB|URL",
            "data",
            required=True,
        ),
    ] = "",
    checkpoint: TrainedFrom = None,
    model: OwnModel = None,
    threshold: Annotated[
        float | None,
        Option("Leave out objects with a lower score (default: the best one of the validation).", "X", "model"),
    ] = None,
    coco: Annotated[
        Path | None,
        Option("COCO annotations of the input: write coco_results.json too, with their ids.", "FILE", "data"),
    ] = None,
    no_pictures: Annotated[
        bool, Option("Write predictions.json alone: drawing can take longer than predicting.", group="output")
    ] = False,
    on_bad_data: OnBadData = None,
    work_dir: WorkDir = None,
) -> Outcome:
    """Run `otx predict`; its `--help` says what the options mean."""
    from otx.engine import Engine

    result = Engine(model=model, work_dir=work_dir, on_bad_data=on_bad_data).predict(
        input, checkpoint, threshold=threshold, coco=coco, pictures=not no_pictures
    )
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console, run_options(work_dir, model)))


def _show(result: PredictResult, console: Console, run: str) -> None:
    speed = f"{result.images / result.seconds:.1f} images/s" if result.seconds > 0 else ""
    console.print(
        f"\n{shown(result.checkpoint)}: {result.images} images, {duration(result.seconds)}, {speed}", style="bold"
    )
    for path in result.skipped[:SKIPPED_SHOWN]:
        console.print(f"not readable: {path}")
    if len(result.skipped) > SKIPPED_SHOWN:
        console.print(f"not readable: {len(result.skipped) - SKIPPED_SHOWN} more")
    if result.note:
        console.print(f"\n{result.note}")
    console.print(f"\npredictions  {shown(result.predictions)}  (scores from {result.threshold:.3g})")
    if result.pictures:
        console.print(f"pictures     {shown(result.pictures)}")
    if result.coco:
        console.print(f"COCO         {shown(result.coco)}")
    if result.checkpoint.suffix == ".safetensors":
        console.print(f"next         otx export{run}")
