"""Where the trials of a search are kept: an embedded file, or a database that workers on many machines share."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from otx.core.errors import MissingExtraError, UserError
from otx.tuning.space import Axis

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

WARM_TRIALS = 4
"""Trials near the recipe, before the sampler takes over."""
HEARTBEAT_SECONDS = 30
"""A worker that has not been heard of for four times as long is dead, and another one does its trial again."""
FOLDER = "folder"
"""Attribute of a trial: where it is written, so that it can go on there after a kill."""


def open_study(
    name: str, storage: str | None, root: Path, axes: Sequence[Axis], *, mode: str, seed: int, epochs: int
) -> optuna.Study:
    """Begin a study, or go on with it.

    Args:
        name: Of the study; workers that share a database and this name share the study.
        storage: URL of a database; None keeps it in `study.log` below the root.
        root: The work dir.
        axes: The search space, for the first trials: the recipe itself, and its neighbourhood.
        mode: `max` or `min`.
        seed: Of the sampler.
        epochs: Of a full training, for the pruner.

    Raises:
        MissingExtraError: Optuna is not installed.
        UserError: The database cannot be reached.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "tune") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("optuna").propagate = False
    kept = _storage(storage, root)
    sampler = optuna.samplers.TPESampler(seed=seed if storage is None else None, n_startup_trials=WARM_TRIALS + 1)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, epochs // 9), reduction_factor=3)
    direction: Literal["maximize", "minimize"] = "maximize" if mode == "max" else "minimize"
    try:
        study = optuna.create_study(storage=kept, sampler=sampler, pruner=pruner, study_name=name, direction=direction)
    except optuna.exceptions.DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=kept, sampler=sampler, pruner=pruner)
        if storage is None:
            _take_up(study)
        return study
    study.enqueue_trial({axis.key: axis.start for axis in axes})
    generator = random.Random(seed)  # noqa: S311 - no secrets
    for _ in range(WARM_TRIALS):
        study.enqueue_trial({axis.key: axis.near(generator) for axis in axes})
    return study


def _storage(url: str | None, root: Path) -> BaseStorage:
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
    from optuna.storages.journal import JournalFileBackend

    if url is None:
        return JournalStorage(JournalFileBackend(str(root / "study.log")))
    warnings.filterwarnings("ignore", category=ExperimentalWarning)  # heartbeats, since 2.8
    try:
        return RDBStorage(
            url,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=4 * HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=2),
        )
    except Exception as error:  # the drivers of the databases have no common error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        msg = f"--storage: cannot open the database {url.split('@')[-1]}: {reason}"
        raise UserError(msg) from error


def _take_up(study: optuna.Study) -> None:
    """Put what a killed process was at first in the queue; nobody else works on an embedded file."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs=dict(trial.user_attrs))
