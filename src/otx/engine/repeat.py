"""`otx train --seeds N`: the same training with several seeds, and how far apart they end."""

from __future__ import annotations

import logging
import shutil
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from otx.core.errors import UserError
from otx.engine.given import Given
from otx.engine.results import SeedsResult, TrainResult
from otx.engine.train import train
from otx.engine.workspace import HOME, Workspace, new_study
from otx.training.processes import place

logger = logging.getLogger(__name__)


def repeat(given: Given, extra: Mapping[str, Any], seeds: int, *, resume: bool) -> SeedsResult:
    """Train once per seed, in subfolders of the work dir and on the same split, and write `seeds.json`.

    Args:
        given: As in `train`; its seed is the first, and the following whole numbers are the others.
        extra: As in `train`.
        seeds: How many.
        resume: Go on with an interrupted repetition; what is done already is not done again.

    Raises:
        UserError: As in `train`; or there is nothing to repeat.
    """
    if seeds < 2:
        raise UserError(f"--seeds: expected at least 2 trainings to see how far apart they end, got {seeds}")
    if place().size > 1:
        msg = "--seeds: processes that were started together train one seed; give --devices instead of starting several"
        raise UserError(msg)
    if given.model is not None:
        msg = "a model object cannot be trained with several seeds, for it has its weights already; name its class"
        raise UserError(msg)
    workspace = new_study(given.work_dir or (_unfinished() if resume else None), "seeds")
    first = int(given.plan()["seed"])
    runs: list[TrainResult] = []
    for seed in range(first, first + seeds):
        own = Workspace(workspace.root / f"seed_{seed}")
        if runs and (made := Workspace(runs[0].work_dir).split).is_file():
            own.folder("data")
            shutil.copy(made, own.split)
        settings = {**given.settings, "seed": seed}
        if runs and given.plan().is_open("model.name"):
            settings["model.name"] = runs[0].model  # by the clock, another one might be chosen
        one = replace(given, work_dir=own.root, settings=settings)
        runs.append(train(one, extra, resume=resume))
    result = SeedsResult(
        work_dir=workspace.root,
        monitor=runs[0].monitor,
        metrics={name: _spread(name, runs) for name in runs[0].metrics},
        runs=runs,
    )
    workspace.write_json("seeds.json", result.to_json())
    return result


def _unfinished() -> Path | None:
    """The newest repetition in `otx-workspace` that did not come to its end; None if there is none."""
    for folder in sorted(HOME.glob("*-seeds*"), reverse=True):
        if any(folder.glob("seed_*")) and not (folder / "seeds.json").is_file():
            logger.info("going on in %s", folder)
            return folder
    logger.warning("nothing to resume: starting a new repetition")
    return None


def _spread(name: str, runs: list[TrainResult]) -> dict[str, Any]:
    values = [run.metrics[name] for run in runs]
    return {"mean": statistics.mean(values), "spread": statistics.stdev(values), "values": values}
