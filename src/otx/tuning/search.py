"""One step of the search: asks for values, trains with them, reports each epoch to the pruner."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otx.core.atomic import write_atomic
from otx.tuning.space import Axis
from otx.tuning.study import FOLDER, begun, folder_of
from otx.tuning.trial import TrialEndedError, TrialFailedError, epochs_done, run_verb

if TYPE_CHECKING:
    import optuna

logger = logging.getLogger(__name__)
Values = dict[str, Any]


@dataclass(frozen=True)
class Search:
    """What every trial is made of.

    Attributes:
        axes: The settings that differ from trial to trial.
        recipe: Writes the recipe of a trial: its values in, YAML out.
        root: Each trial has a folder below it.
        monitor: The metric that decides.
        most: Trials to begin, those of other workers included; None: no bound.
    """

    axes: Sequence[Axis]
    recipe: Callable[[Values], str]
    root: Path
    monitor: str
    most: int | None = None

    def step(self, study: optuna.Study, deadline: float) -> None:
        """Try the next values of a study; a trial that fails is noted and hinders nobody.

        Args:
            study: Where the trial comes from and goes to.
            deadline: On the clock of `time.monotonic`; a trial that runs then is ended.
        """
        study.optimize(partial(self._try, deadline), n_trials=1, catch=(TrialFailedError,), callbacks=[_say])

    def _try(self, deadline: float, trial: optuna.Trial) -> float:
        import optuna

        if FOLDER not in trial.user_attrs and self.most is not None and begun(trial.study, trial.number) >= self.most:
            raise TrialFailedError("another worker has begun the last trial at the same instant")
        values = {axis.key: axis.ask(trial) for axis in self.axes}
        folder = self.root / trial.user_attrs.get(FOLDER, folder_of(trial))
        trial.set_user_attr(FOLDER, str(folder.relative_to(self.root)))
        trial.set_user_attr("values", values)
        is_recipe = values == {axis.key: axis.default for axis in self.axes}  # which all others are compared with
        reported: set[int] = set()

        def go_on() -> bool:
            for epoch, value in epochs_done(folder / "run" / "metrics.csv", self.monitor):
                if epoch not in reported:
                    reported.add(epoch)
                    trial.report(value, epoch)
                    if not is_recipe and trial.should_prune():
                        return False
            return time.monotonic() < deadline

        try:
            trained = train(self.recipe(values), folder, go_on=go_on)
        except TrialEndedError as ended:
            raise optuna.TrialPruned from ended
        except KeyboardInterrupt:
            trial.study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)  # the next search goes on with it
            raise
        return float(trained["metrics"][self.monitor])


def train(recipe: str, folder: Path, *, go_on: Callable[[], bool] = lambda: True) -> dict[str, Any]:
    """Train by a recipe in a process of its own; what a killed one has done is not done again.

    Args:
        recipe: YAML.
        folder: Gets `recipe.yaml`, the logs, and the run in `run/`.
        go_on: As in `run_verb`.

    Returns:
        What `otx train --json` prints.
    """
    path = folder / "recipe.yaml"
    write_atomic(path, recipe)
    resume = ["--resume"] if (folder / "run" / "plan.yaml").is_file() else []
    return run_verb(
        ["train", "--config", str(path), "--work_dir", str(folder / "run"), *resume], folder, "train", go_on=go_on
    )


def _say(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    if FOLDER not in trial.user_attrs:
        return  # never begun
    shown = ", ".join(f"{key.rpartition('.')[2]} {_short(value)}" for key, value in trial.user_attrs["values"].items())
    value = "" if trial.value is None else f" {trial.value:.4f}"
    logger.info("trial %3d  %s%s  (%s)", trial.number, trial.state.name.lower(), value, shown)


def _short(value: Any) -> str:  # noqa: ANN401 - settings have many types
    return f"{value:.3g}" if isinstance(value, float) else str(value)
