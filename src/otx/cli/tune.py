"""`otx tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from otx.cli import options
from otx.cli.lines import duration, parse_duration, quoted, shown
from otx.cli.options import Option
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import TuneResult

EXAMPLES = """\
  otx tune --data_root my_data --budget 1h
  otx tune --data_root my_data --budget 30m --max_epochs 10 --max_trials 20
  otx tune --data_root my_data --budget 2h --work_dir search"""


def run(
    *,
    budget: Annotated[str, Option("Time for the whole search.", "30m|1h|1h30m", "tuning", required=True)],
    data_root: options.TrainingData = None,
    task: options.TaskName = None,
    data_format: options.DataFormat = None,
    on_bad_data: options.OnBadData = None,
    model: options.ModelName = None,
    pretrained: options.Pretrained = None,
    max_epochs: Annotated[int | None, Option("Epochs of each trial (default: as otx train).", "N", "tuning")] = None,
    max_trials: Annotated[int | None, Option("Stop after so many trials, of all workers.", "N", "tuning")] = None,
    storage: Annotated[
        str | None,
        Option("Database that several workers share; they name the same --work_dir.", "postgresql://...", "tuning"),
    ] = None,
    seed: options.Seed = None,
    device: options.Device = None,
    config: options.RecipeFile = None,
    set: Annotated[  # noqa: A002 - the word of the command line
        list[str], Option("Any other setting; tuning.search says what is tried.", "KEY=VALUE", "settings")
    ] = [],  # noqa: B006 - never changed
    work_dir: Annotated[
        Path | None,
        Option("Folder to write (default: otx-workspace/TIME-tune-TASK); a search there goes on.", "DIR", "output"),
    ] = None,
) -> Outcome:
    """Run `otx tune`; its `--help` says what the options mean."""
    from otx.engine import Engine
    from otx.recipes.plan import parse_assignments

    seconds = parse_duration("--budget", budget)
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
        on_bad_data=on_bad_data,
        settings=parse_assignments(set),
    )
    result = engine.tune(seconds, max_epochs=max_epochs, max_trials=max_trials, storage=storage)
    return Outcome(
        document=result.to_json(), show=lambda console: _show(result, console, engine.given.plan()["data_root"])
    )


def _show(result: TuneResult, console: Console, data_root: str) -> None:
    from otx.report.tables import tuning_table

    console.print(f"\n{len(result.trials)} trials in {duration(result.seconds)}, by {result.monitor}", style="bold")
    console.print(tuning_table(result.default, result.best))
    if result.wins:
        console.print("the best trial beats the recipe on held-out data too, trained with another seed")
    elif result.default["held_out"] is None:
        console.print("no trial beats the recipe")
    else:
        console.print("the best trial does not beat the recipe on held-out data: keep the recipe")
    console.print(f"\nplots   {shown(result.work_dir / 'plots')}\nrecipe  {shown(result.recipe)}")
    data = quoted(Path(data_root))
    console.print(f"next    otx train --data_root {data} --config {quoted(result.recipe)}")
