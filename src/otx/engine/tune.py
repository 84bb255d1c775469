"""`otx tune`: the settings that train best within a budget of time, confirmed on data that did not choose them."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import yaml

from otx.core.atomic import write_atomic
from otx.core.errors import OTXError, UserError
from otx.data.split import write_split
from otx.engine.configure import configure
from otx.engine.given import Given
from otx.engine.measure import measure_epoch
from otx.engine.reading import ReadData, read_data
from otx.engine.results import TuneResult
from otx.engine.resume import alone
from otx.engine.workspace import Workspace, new_study
from otx.recipes.settings import check_key, nested
from otx.tuning.search import Search, train
from otx.tuning.space import Axis, read_space
from otx.tuning.study import EPOCHS, FOLDER, open_study, share, trial_is_left
from otx.tuning.trial import run_verb

if TYPE_CHECKING:
    import optuna

    from otx.core.catalog import ModelRow
    from otx.core.input_spec import InputSpec
    from otx.recipes.plan import Plan

logger = logging.getLogger(__name__)

CONFIRM_RUNS = 2
"""Trainings with another seed at the end: the recipe and the winner."""
TRAININGS = 8
"""Full trainings that the budget has to hold: the recipe, the two at the end, and the search, most of it cut short."""
LEAST_FOR_IMPORTANCE = 4
"""Completed trials from which the influence of a setting can be told at all."""


def tune(
    given: Given, extra: Mapping[str, Any], budget: float, storage: str | None, most_trials: int | None
) -> TuneResult:
    """Search, then train the recipe and the winner once more with another seed, and compare them on held-out data.

    Args:
        given: Knows the work dir.
        extra: Settings from the arguments of the verb, by dotted key.
        budget: Seconds for everything.
        storage: URL of a database that several workers share; None keeps the study in the work dir.
        most_trials: Stop after so many trials, those of other workers and of earlier calls included.

    Raises:
        OTXError: The recipe itself could not be trained within the budget.
        UserError: The data, a setting, the search space or the database is wrong.
    """
    began = time.monotonic()
    if given.model is not None:
        msg = "a model object cannot be sent to the processes of the trials; name a class: model='FILE.py:Class'"
        raise UserError(msg)
    if given.data is not None:
        raise UserError("data of your own cannot be sent to the processes of the trials; name a folder: data_root")
    if most_trials is not None and most_trials < 1:
        raise UserError(f"max_trials: expected at least 1, which is the recipe itself, got {most_trials}")
    plan = given.plan(extra)
    said = {
        key: choice.value
        for key, choice in plan.choices.items()
        if choice.origin == "user" and not key.startswith("tuning.")
    }
    recipe = {key: value for key, value in said.items() if key not in ("data_root", "seed")}
    data = read_data(plan)
    row, input_spec = configure(plan, data, None)
    for key in plan["tuning.search"]:
        check_key(key, "tuning.search")
    axes = read_space(plan["tuning.search"], {key: choice.value for key, choice in plan.choices.items()})
    workspace = new_study(given.work_dir, f"tune-{data.spec.task}")
    refusal = f"another process is tuning in {workspace.root}. Name a database with --storage to share a study."
    # An embedded study has one worker at a time.
    with alone(workspace.root / "study.lock", refusal) if storage is None else nullcontext():
        fitting = _fitting_epochs(given, plan, data, (row, input_spec), budget)
        begin = partial(
            open_study,
            storage=storage,
            root=workspace.root,
            mode=data.spec.monitor_mode,
            seed=plan["seed"],
            epochs=fitting,
            asked=_asked(said, axes, storage),
        )
        study = begin(f"otx-{workspace.root.name}", axes=axes)
        said["training.max_epochs"] = epochs = study.user_attrs[EPOCHS]
        if epochs < plan["training.max_epochs"]:
            wanted = plan["training.max_epochs"]
            logger.info("%d epochs a training instead of %d: the budget has to hold %d", epochs, wanted, TRAININGS)
        search = Search(axes, partial(as_recipe, said), workspace.root, data.spec.monitor, most_trials)
        logger.info("tuning by %s of validation: %s", search.monitor, ", ".join(axis.key for axis in axes))
        while trial_is_left(study, most_trials, deadline := began + budget - _reserve(study)):
            search.step(study, deadline)
        trials = {"default": _default(study, axes, budget), "best": study.best_trial}
        confirmed: dict[str, float] = {}
        if trials["best"].number != trials["default"].number:
            other_seed = replace(search, recipe=partial(as_recipe, {**said, "seed": plan["seed"] + 1}))
            confirm = partial(_confirm, other_seed, study, data, plan["seed"])
            found = share(
                begin(f"{study.study_name}-confirm", axes=()), {one.number for one in trials.values()}, confirm
            )
            confirmed = {name: found[one.number] for name, one in trials.items()}
    return _finish(search, study, trials["default"], confirmed, recipe=recipe, began=began)


def _asked(said: Mapping[str, Any], axes: Sequence[Axis], storage: str | None) -> dict[str, Any]:
    """What makes a search this search; workers on several machines may differ in device and place of the data."""
    free = {"device"} if storage is None else {"device", "data_root"}
    asked = {key: value for key, value in said.items() if key not in free}
    return asked | {f"tuning.search.{axis.key}": asdict(axis) for axis in axes}


def _fitting_epochs(
    given: Given, plan: Plan, data: ReadData, made: tuple[ModelRow | None, InputSpec], budget: float
) -> int:
    """Epochs of a full training: those of the plan, or fewer where the user gave none and the budget is too short."""
    planned = int(plan["training.max_epochs"])
    if plan.choices["training.max_epochs"].origin == "user" or planned == 1:
        return planned
    return min(planned, max(1, int(budget / TRAININGS / measure_epoch(given, plan, data, *made))))


def as_recipe(said: dict[str, Any], values: dict[str, Any]) -> str:
    """A recipe file: what the user said, and over it the values of a trial."""
    return yaml.safe_dump(nested({**said, **values}), sort_keys=False, allow_unicode=True)


def _completed(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _reserve(study: optuna.Study) -> float:
    """Seconds to keep for the trainings at the end."""
    longest = max((trial.duration.total_seconds() for trial in _completed(study) if trial.duration), default=0.0)
    return CONFIRM_RUNS * longest


def _default(study: optuna.Study, axes: Sequence[Axis], budget: float) -> optuna.trial.FrozenTrial:
    """The trial of the recipe itself.

    Raises:
        OTXError: It was not trained to its end.
    """
    values = {axis.key: axis.default for axis in axes}
    for trial in _completed(study):
        if trial.user_attrs["values"] == values:
            return trial
    raise OTXError(
        f"the recipe itself could not be trained within {budget:.0f} s, so there is nothing to compare with: raise "
        "--budget, or lower --max_epochs. What was done is kept; the same command with --work_dir goes on."
    )


def _confirm(search: Search, study: optuna.Study, data: ReadData, seed: int, number: int) -> float:
    """Value of a trial on held-out data, trained anew, on the split of the trials."""
    trial, folder = study.trials[number], search.root / "confirm" / f"{number:03}"
    held_out = "test" if "test" in data.index.subsets else "val"
    logger.info("confirming trial %d with another seed on the %s subset", number, held_out)
    if data.index.split is not None:  # the other seed would draw another, with test images that trials have seen
        write_split(Workspace(folder / "run").folder("data") / "split.json", data.index.split, seed)
    model = train(search.recipe(trial.user_attrs["values"]), folder)["model"]
    words = ["test", "--model", model, "--work_dir", str(folder / "run"), "--split", held_out]
    tested = run_verb(words, folder, "test")
    return float(tested["metrics"][search.monitor])


def _finish(
    search: Search,
    study: optuna.Study,
    default: optuna.trial.FrozenTrial,
    confirmed: dict[str, float],
    *,
    recipe: dict[str, Any],
    began: float,
) -> TuneResult:
    from optuna.trial import TrialState

    from otx.report.plots import plot_search, plot_shares

    workspace, monitor = Workspace(search.root), search.monitor
    best, sign = study.best_trial, 1 if study.direction.name == "MAXIMIZE" else -1
    wins = bool(confirmed) and sign * confirmed["best"] > sign * confirmed["default"]
    chosen = best if wins else default
    values = chosen.user_attrs["values"]
    head = f"# otx train --data_root DIR --config {shlex.quote(str(workspace.root / 'tuned.yaml'))}\n"
    write_atomic(workspace.root / "tuned.yaml", head + as_recipe(recipe, values))
    done = _completed(study)
    best_so_far = list(accumulate((float(trial.value or 0.0) for trial in done), max if sign > 0 else min))
    each = {trial.user_attrs.get(FOLDER): trial for trial in study.get_trials(deepcopy=False)}  # the last repetition
    trials = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.value,
            "epochs": len(trial.intermediate_values),
            "values": trial.user_attrs["values"],
            "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
        }
        for trial in each.values()
        if "values" in trial.user_attrs and trial.state != TrialState.WAITING
    ]
    plots = [plot_search(trials, monitor, best_so_far, workspace.folder("plots") / "history.png")]
    plots += plot_shares(_importance(study), workspace.folder("plots") / "importance.png")
    result = TuneResult(
        work_dir=workspace.root,
        monitor=monitor,
        default={"value": default.value, "held_out": confirmed.get("default"), "values": default.user_attrs["values"]},
        best={"value": best.value, "held_out": confirmed.get("best"), "values": best.user_attrs["values"]},
        wins=wins,
        recipe=workspace.root / "tuned.yaml",
        trials=trials,
        plots=plots,
        seconds=round(time.monotonic() - began, 1),
    )
    workspace.write_json("tune.json", result.to_json())
    return result


def _importance(study: optuna.Study) -> dict[str, float]:
    """Share of each setting in what the trials differ by; nothing where there are too few to tell."""
    import optuna

    if len(_completed(study)) < LEAST_FOR_IMPORTANCE:
        return {}
    return dict(optuna.importance.get_param_importances(study, evaluator=optuna.importance.FanovaImportanceEvaluator()))
