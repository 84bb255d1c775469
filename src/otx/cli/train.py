"""`otx train`."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal

from otx.cli import options
from otx.cli.lines import duration, parse_duration, parse_size, run_options, shown
from otx.cli.options import Option
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import SeedsResult, TrainResult

EXAMPLES = """\
  otx train --data_root my_data
  otx train --data_root my_data --model timm/resnet18 --max_epochs 20 --set data.batch_size=16
  otx train --work_dir otx-workspace/latest --resume"""


def run(
    *,
    data_root: options.TrainingData = None,
    unlabeled_data_root: Annotated[
        Path | None, Option("Folder of images without labels, to learn from too.", "DIR", "data")
    ] = None,
    task: options.TaskName = None,
    data_format: options.DataFormat = None,
    on_bad_data: options.OnBadData = None,
    model: options.ModelName = None,
    pretrained: options.Pretrained = None,
    max_epochs: Annotated[
        int | None, Option("Passes over the training images (default: from their number).", "N", "training")
    ] = None,
    seed: options.Seed = None,
    device: options.Device = None,
    devices: Annotated[
        int | None, Option("Processes that train together (default: as torchrun or SLURM says).", "N", "training")
    ] = None,
    precision: Annotated[
        Literal["auto", "32", "bf16"] | None, Option("Arithmetic (default: measured).", group="training")
    ] = None,
    time: Annotated[
        str | None,
        Option("Time for the run, to be filled with training (default: no bound).", "15m|1h|1h30m", "training"),
    ] = None,
    ram: Annotated[
        str | None, Option("Memory for the run on the CPU (default: what is free).", "4G|500M", "training")
    ] = None,
    seeds: Annotated[
        int | None, Option("Train so often, with a seed each, and say how far apart they end.", "N", "training")
    ] = None,
    tile: Annotated[
        bool | Literal["auto"] | None,
        Option("Cut images into tiles (default: if objects would become too small).", "true|false|auto", "training"),
    ] = None,
    freeze_backbone: Annotated[
        bool, Option("Train the head alone (default: if the time is too short for more).", group="training")
    ] = False,
    resume: Annotated[
        bool, Option("Go on with the interrupted run of --work_dir, or with the latest.", group="training")
    ] = False,
    config: options.RecipeFile = None,
    set: Annotated[  # noqa: A002 - the word of the command line
        list[str], Option("Any other setting, as often as needed; plan.yaml has them all.", "KEY=VALUE", "settings")
    ] = [],  # noqa: B006 - never changed
    print_config: Annotated[
        bool, Option("Print the settings as a file for --config, and do not train.", group="settings")
    ] = False,
    work_dir: Annotated[
        Path | None, Option("Folder to write (default: otx-workspace/TIME-TASK-MODEL).", "DIR", "output")
    ] = None,
) -> Outcome:
    """Run `otx train`; its `--help` says what the options mean."""
    began = monotonic()  # the imports below take seconds
    import yaml

    os.environ.setdefault(
        "TORCH_CPP_LOG_LEVEL", "ERROR"
    )  # where several processes train, torch has hints for developers
    from otx.engine import Engine
    from otx.recipes.plan import parse_assignments
    from otx.training.processes import place

    engine = Engine(
        data_root,
        model=model,
        task=task,
        work_dir=work_dir,
        data_format=data_format,
        config=config,
        pretrained=pretrained,
        seed=seed,
        device=device,
        devices=devices,
        on_bad_data=on_bad_data,
        unlabeled_data_root=unlabeled_data_root,
        settings=parse_assignments(set) | ({"training.freeze_backbone": True} if freeze_backbone else {}),
    )
    if print_config:
        text = engine.configure(max_epochs=max_epochs, precision=precision, tile=tile).to_config()
        return Outcome(document=yaml.safe_load(text), show=lambda console: console.print(text, end=""))
    seconds = parse_duration("--time", time) if time is not None else None
    gib = parse_size("--ram", ram) if ram is not None else None
    if seeds is not None:
        repeated = engine.train_seeds(
            seeds, max_epochs=max_epochs, precision=precision, tile=tile, time=seconds, ram=gib, resume=resume
        )
        return Outcome(document=repeated.to_json(), show=lambda console: _show_seeds(repeated, console))
    engine.given.began = began
    result = engine.train(max_epochs=max_epochs, precision=precision, tile=tile, time=seconds, ram=gib, resume=resume)
    if place().rank:
        return Outcome(document=None, show=lambda _: None)  # the first process tells of it
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console, work_dir))


def _show_seeds(result: SeedsResult, console: Console) -> None:
    from otx.report.tables import metrics_table

    first = result.runs[0]
    console.print(f"\n{first.model} ({first.task}) trained with {len(result.runs)} seeds, on validation:", style="bold")
    columns = {key: {name: row[key] for name, row in result.metrics.items()} for key in ("mean", "spread")}
    console.print(metrics_table(columns, first=result.monitor))
    run = run_options(Path(shown(first.work_dir)), first.model)
    console.print(f"\nruns  {shown(result.work_dir)}/seed_*\nnext  otx test{run}")


def _show(result: TrainResult, console: Console, work_dir: Path | None) -> None:
    from otx.report.tables import metrics_table

    early = ", stopped early" if result.stopped_early else ""
    console.print(
        f"\n{result.model} ({result.task}) trained: {result.epochs} epochs{early}, {duration(result.seconds)}",
        style="bold",
    )
    console.print(metrics_table({"validation": result.metrics}, first=result.monitor))
    if result.budget:
        console.print(f"{result.budget_used:.0%} of the {duration(result.budget)} that it was given")
    if result.ram:
        console.print(f"{result.ram_used:.0%} of the {result.ram:.1f} GiB of memory that it was given")
    run = run_options(work_dir, result.model)
    console.print(f"\nbest checkpoint  {shown(result.checkpoint)}\nsettings         {shown(result.work_dir)}/plan.yaml")
    console.print(f"next             otx test{run}    then    otx export{run}")
