"""May an interrupted run go on here, and is it the same run?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from otx.core.atomic import remove_partial
from otx.core.errors import UserError
from otx.core.model import OTXModel
from otx.training.settings import TrainingSettings
from otx.training.state_file import previous

FREE = ("max_epochs", "steps", "time", "ram", "patience", "val_interval", "tensorboard", "strategy")
"""Settings that may change when a run goes on: how long it trains, by whom, and what it does beside."""
NOTED = ("torch", "threads")
"""Facts that may change, but then the last bits of the result may too."""
BATCHES, ACCUMULATE = "batches in an epoch", "training.accumulate"


def run_facts(
    model: OTXModel[Any, Any], model_name: str, settings: TrainingSettings, seed: int, batches: int
) -> dict[str, Any]:
    """What makes a run this run, by dotted key."""
    chosen = {key: value for key, value in flat(dataclasses.asdict(settings)).items() if key not in FREE}
    return {
        "model": model_name,
        "arch": model.arch,
        "labels": list(model.label_info.names),
        "input size": list(model.input_spec.size),
        "seed": seed,
        BATCHES: batches,
        **{f"training.{key}": value for key, value in chosen.items()},
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
    }


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves


def parts_of_batch(before: Mapping[str, Any], now: Mapping[str, Any]) -> int:
    """How many batches of this run make one of the interrupted run, with the same images to a step; 1: alike."""
    parts, rest = divmod(now[ACCUMULATE], before[ACCUMULATE])
    batches = parts * before[BATCHES]
    return parts if not rest and batches - parts <= now[BATCHES] <= batches else 1


def divide_batches(progress: dict[str, Any], parts: int, batches: int) -> None:
    """Count what Lightning remembers of the batches of an epoch in smaller ones.

    Args:
        progress: State of its loop over an epoch (`batch_progress`); changed in place.
        parts: How many of the smaller ones make one.
        batches: Of the smaller ones in an epoch, whose last ones may be left out.
    """
    for name, most in (("current", batches), ("total", math.inf)):
        counts = progress[name]
        # A state that is saved between two batches has one that is not completed yet; Lightning counts on it.
        open_ones = counts["processed"] - counts["completed"]
        progress[name] = {key: min(count * parts, most) for key, count in counts.items()}
        progress[name]["completed"] = progress[name]["processed"] - open_ones


def end_epoch(progress: dict[str, Any], batches: int) -> None:
    """Let Lightning remember an epoch that ended in its middle, for want of time, as a whole one: the next starts anew.

    Args:
        progress: State of its loop over an epoch (`batch_progress`); changed in place.
        batches: Of a whole epoch.
    """
    progress["current"] = dict.fromkeys(progress["current"], batches)
    progress["is_last_batch"] = True


def check_same_run(before: Mapping[str, Any], now: Mapping[str, Any], note: Callable[[str], None]) -> None:
    """Compare the facts of the interrupted run with those of this one.

    Args:
        before: Facts in the resume file.
        now: Facts of this run.
        note: Takes a line about a difference that is allowed.

    Raises:
        UserError: Something differs that must not.
    """
    changed = [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)]
    if (parts := parts_of_batch(before, now)) > 1:
        changed = [key for key in changed if key not in {BATCHES, ACCUMULATE}]
        note(f"each batch is divided into {parts}, which together make the same step")
    wrong = sorted(key for key in changed if key not in NOTED)
    if wrong:
        listed = "; ".join(f"{key}: was {before.get(key)!r}, is {now.get(key)!r}" for key in wrong)
        msg = f"the interrupted run was another one ({listed}). Use its settings, or train in another work dir."
        raise UserError(msg)
    for key in sorted(changed):
        note(f"{key} was {before[key]}, is {now[key]}: the result may differ in its last bits from an unbroken run")


def find_state(state_path: Path, *, resume: bool) -> Path | None:
    """The resume file to go on from, or None where a run starts; half-written files of a kill are removed.

    Raises:
        UserError: There is a run already and it was not asked to go on.
    """
    there = state_path.is_file() or previous(state_path).is_file()
    if there and not resume:
        raise UserError(
            f"{state_path.parent.parent} holds a training run already. Go on with it (--resume), or name another "
            "--work_dir; nothing is overwritten."
        )
    remove_partial(state_path.parent)
    return state_path if there else None
