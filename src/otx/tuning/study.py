"""Where the trials of a search are kept: an embedded file, or a database that workers on many machines share."""

from __future__ import annotations

import json
import logging
import random
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otx.core.errors import MissingExtraError, UserError, require
from otx.tuning.space import Axis

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

WARM_TRIALS = 4
"""Trials near the recipe, before the sampler takes over."""
HEARTBEAT_SECONDS = 30
"""A worker that has not been heard of for four times as long is dead, and another one does its trial again."""
POLL_SECONDS = 0.5
"""How often a worker that has nothing to do looks at what the others do."""
FIRST_SECONDS = 10.0
"""The worker that begins a study has this long to put the first trials in the queue."""
EPOCHS = "epochs"
"""Attribute of a study: epochs of a full training, the same for all workers and after a kill."""
ASKED = "asked"
"""Attribute of a study: what the user said of it, by dotted key."""
FOLDER = "folder"
"""Attribute of a trial: where it is written, so that it can go on there after a kill."""
PIECE = "piece"
"""Attribute of what `share` does: which piece of the work it is."""


def open_study(
    name: str,
    storage: str | None,
    root: Path,
    axes: Sequence[Axis],
    *,
    mode: str,
    seed: int,
    epochs: int,
    asked: Mapping[str, Any],
) -> optuna.Study:
    """Begin a study, or go on with it.

    Args:
        name: Of the study; workers that share a database and this name share the study.
        storage: URL of a database; None keeps it in `study.log` below the root.
        root: The work dir.
        axes: The search space, for the first trials: the recipe itself, and its neighbourhood; without any, the queue
            is left empty.
        mode: `max` or `min`.
        seed: Of the sampler.
        epochs: Of a full training, if the study has no number yet; it is kept as its attribute `EPOCHS`.
        asked: What the user said, by dotted key; kept as its attribute `ASKED`, and the same whenever it goes on.

    Raises:
        MissingExtraError: Optuna or the driver of the database is not installed.
        UserError: The database cannot be reached, or the study there was asked for with something else.
    """
    require("optuna", "tune")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("optuna").propagate = False
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats, since 2.8
    kept = _storage(storage, root)
    sampler = optuna.samplers.TPESampler(seed=seed if storage is None else None, n_startup_trials=WARM_TRIALS + 1)
    direction: Literal["maximize", "minimize"] = "maximize" if mode == "max" else "minimize"
    try:
        study = optuna.create_study(storage=kept, sampler=sampler, study_name=name, direction=direction)
        study.set_user_attr(EPOCHS, epochs)
        study.set_user_attr(ASKED, asked)
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=kept, sampler=sampler)
        if storage is not None:
            _wait_for_first(study, len(axes) and WARM_TRIALS + 1)
        _check_same(study, json.loads(json.dumps(asked)), root)
        if storage is None:
            _take_up(study)
    least = max(1, study.user_attrs.get(EPOCHS, epochs) // 9)
    study.pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=least, reduction_factor=3)
    if axes:
        generator = random.Random(seed)  # noqa: S311 - no secrets
        study.enqueue_trial({axis.key: axis.start for axis in axes}, skip_if_exists=True)
        for _ in range(WARM_TRIALS):
            study.enqueue_trial({axis.key: axis.near(generator) for axis in axes}, skip_if_exists=True)
    return study


def _check_same(study: optuna.Study, asked: dict[str, Any], root: Path) -> None:
    before = study.user_attrs.get(ASKED, asked)
    changed = sorted(key for key in before.keys() | asked.keys() if before.get(key) != asked.get(key))
    if changed:
        listed = "; ".join(f"{key}: was {before.get(key)!r}, is {asked.get(key)!r}" for key in changed)
        raise UserError(
            f"the search in {root} is another one ({listed}). Go on with its settings, or name another --work_dir."
        )


def _wait_for_first(study: optuna.Study, trials: int) -> None:
    """Let another worker fill the queue, who has just begun the study; one that was killed meanwhile never will."""
    end = time.monotonic() + FIRST_SECONDS
    while len(study.get_trials(deepcopy=False)) < trials and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def _storage(url: str | None, root: Path) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
    from optuna.storages.journal import JournalFileBackend

    if url is None:
        return JournalStorage(JournalFileBackend(str(root / "study.log")))
    try:
        return RDBStorage(
            url,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=4 * HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=2),
        )
    except ImportError as error:
        if url.startswith("postgresql:"):
            raise MissingExtraError("psycopg", "postgres") from error
        msg = f"--storage: no driver is installed for {url.split(':')[0]} ({error.__cause__ or error})"
        raise UserError(msg) from error
    except Exception as error:  # the drivers of the databases have no common error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"--storage: cannot open the database {url.split('@')[-1]}: {reason}") from error


def _take_up(study: optuna.Study) -> None:
    """Put what was cut off at the head of the queue, the recipe itself above all; nobody else works on such a file."""
    from optuna.trial import TrialState

    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if not running and not any(FOLDER in trial.user_attrs for trial in waiting):
        return
    for trial in running:
        study.tell(trial.number, state=TrialState.FAIL)
    for _ in waiting:
        study.tell(study.ask(), state=TrialState.FAIL)
    for trial in sorted([*running, *waiting], key=lambda trial: FOLDER not in trial.user_attrs):
        values = trial.params or trial.system_attrs["fixed_params"]
        study.enqueue_trial(values, user_attrs=dict(trial.user_attrs))


def begun(study: optuna.Study, below: int | None = None) -> int:
    """Number of trials that were begun; one that a kill cut off and its repetition are one trial.

    Args:
        study: Of any number of workers.
        below: Count only those with a lower number than this.
    """
    from optuna.trial import TrialState

    return sum(
        (below is None or trial.number < below)
        and trial.state != TrialState.WAITING
        and trial.user_attrs.get(FOLDER)
        in ((folder_of(trial),) if trial.state.is_finished() else (None, folder_of(trial)))
        for trial in study.get_trials(deepcopy=False)
    )


def folder_of(trial: FrozenTrial | optuna.Trial) -> str:
    """Where a trial is written that repeats no other."""
    return f"trials/{trial.number:03}"


def trial_is_left(study: optuna.Study, most: int | None, deadline: float) -> bool:
    """Whether there is something to try; waits for the last trials of other workers, which may be killed.

    Args:
        study: Of any number of workers.
        most: Trials to begin in all.
        deadline: On the clock of `time.monotonic`.
    """
    from optuna.storages import fail_stale_trials
    from optuna.trial import TrialState

    while time.monotonic() < deadline:
        fail_stale_trials(study)
        open_trials = study.get_trials(deepcopy=False, states=(TrialState.WAITING, TrialState.RUNNING))
        again = any(trial.state == TrialState.WAITING and FOLDER in trial.user_attrs for trial in open_trials)
        if again or most is None or begun(study) < most:
            return True
        if all(trial.state == TrialState.WAITING for trial in open_trials):
            return False
        time.sleep(POLL_SECONDS)
    return False


def share(study: optuna.Study, pieces: Iterable[int], work: Callable[[int], float]) -> dict[int, float]:
    """Values of pieces of work that all workers of a study want: each is done by one of them, the others wait for it.

    Args:
        study: Holds nothing else.
        pieces: Those that are wanted; an earlier value of the study is taken.
        work: Does a piece, whoever wanted it.
    """
    import optuna
    from optuna.trial import TrialState

    def held() -> dict[int, FrozenTrial]:
        trials = study.get_trials(deepcopy=False, states=(TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE))
        return {trial.user_attrs[PIECE]: trial for trial in reversed(trials) if PIECE in trial.user_attrs}

    def do(trial: optuna.Trial) -> float:
        piece = trial.user_attrs.get(PIECE)
        if piece is None or held()[piece].number != trial.number:
            raise optuna.TrialPruned  # another worker was as quick
        return work(piece)

    wanted = set(pieces)
    while True:
        optuna.storages.fail_stale_trials(study)
        for piece in sorted(wanted - held().keys()):
            study.enqueue_trial({}, user_attrs={PIECE: piece})
        trials = held()
        done = {piece: one.value for piece, one in trials.items() if one.state == TrialState.COMPLETE}
        if wanted <= done.keys():
            return {piece: float(done[piece] or 0.0) for piece in wanted}
        if any(trial.state == TrialState.WAITING for trial in trials.values()):
            study.optimize(do, n_trials=1)
        else:
            time.sleep(POLL_SECONDS)
