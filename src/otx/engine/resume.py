"""What `otx train --resume` goes on with, and that one process at a time trains in a work dir."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from otx.core.errors import UserError
from otx.engine.workspace import Workspace, existing_workspace
from otx.frameworks.user_file import require_named
from otx.recipes.plan import Plan
from otx.training.processes import place
from otx.training.resume import FREE

logger = logging.getLogger(__name__)

SIZES = ("data.batch_size", "data.eval_batch_size", "training.accumulate")
"""How a step is divided; `otx.training.resume.check_same_run` says whether it is the same step."""
RESUMABLE = {*(f"training.{name}" for name in FREE), *SIZES, "data.workers", "data.cache", "devices"}
"""Settings that may be said anew when a run goes on."""


def interrupted(work_dir: Path | None) -> Workspace | None:
    """The work dir to go on in; None if the run never got as far as to have one."""
    try:
        workspace = existing_workspace(work_dir)
    except UserError:
        logger.warning("nothing to resume: starting a new run")
        return None
    if not workspace.plan.is_file():
        logger.warning("%s holds no plan: starting the run there", workspace.root)
        return None
    return workspace


def plan_of(workspace: Workspace, said: Plan) -> Plan:
    """The plan of the interrupted run; what the user says now must not contradict it.

    Raises:
        UserError: It does, or it names a file of code that the user does not name.
    """
    plan = Plan.read(workspace.plan)
    if place().size > 1:
        plan.choices["devices"] = said.choices["devices"]  # it may go on in another number of them
    for key, choice in said.choices.items():
        if choice.origin != "user" or choice.value == plan[key]:
            continue
        if key not in RESUMABLE and plan.choices[key].origin == "user":
            msg = (
                f"{workspace.root} was started with {key} = {plan[key]!r}, and is now asked for {choice.value!r}. "
                "Resume with the same settings, or start a new run in another --work_dir."
            )
            raise UserError(msg)
        plan.choices[key] = choice
    require_named(plan["model.name"], said["model.name"], workspace.plan)
    return plan


@contextmanager
def alone(lock: Path, refusal: str) -> Iterator[None]:
    """One process at a time does something in a work dir; those that train together count as one.

    Args:
        lock: The file that stands for it.
        refusal: What to tell the others.

    Raises:
        UserError: Another process does it.
    """
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout as error:
        raise UserError(refusal) from error
