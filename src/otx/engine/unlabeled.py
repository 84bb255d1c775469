"""Training with a folder of images without labels beside the data set."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.data.datamodule import OTXDataModule
from otx.data.unlabeled import UnlabeledImages, find_unlabeled, unlabeled_batches
from otx.engine.reading import ReadData
from otx.recipes.plan import Plan
from otx.tasks import task_specs
from otx.training.pseudo_labels import Unlabeled

logger = logging.getLogger(__name__)

RECIPE = "unlabeled"
"""Laid over the others where there are images without labels."""


def check_unlabeled(plan: Plan, data: ReadData, input_spec: InputSpec) -> None:
    """Refuse what does not go together with images without labels.

    Args:
        plan: Configured, but for what is measured.
        data: The labelled images.
        input_spec: Of the model.

    Raises:
        UserError: The task has no pseudo-labels, or a setting stands against them.
    """
    if not plan["unlabeled_data_root"]:
        return
    against = {
        "--devices": not plan.is_open("devices") and plan["devices"] > 1,
        "--freeze_backbone": plan["training.freeze_backbone"] is True,
        "--time": bool(plan["training.time"]),
        "--ram": bool(plan["training.ram"]),
        "--tile": input_spec.tile > 0,
    }
    wrong = [option for option, given in against.items() if given]
    if not data.spec.pseudo_labels:
        able = ", ".join(str(spec.task) for spec in task_specs().values() if spec.pseudo_labels)
        msg = f"--unlabeled_data_root: expected a task that learns from its predictions ({able}), got {data.spec.task}"
    elif wrong:
        cure = "set --tile false" if wrong == ["--tile"] else "leave one of the two out"
        msg = f"--unlabeled_data_root does not go together with {' and '.join(wrong)}: {cure}"
    else:
        return
    raise UserError(msg)


def read_unlabeled(plan: Plan, data: ReadData) -> UnlabeledImages | None:
    """The images without labels; None if the plan names no folder of them.

    Raises:
        UserError: There are none that can be used.
    """
    if not plan["unlabeled_data_root"]:
        return None
    held_out = [item.path for name in ("val", "test") for item in data.index.subsets[name]]
    found = find_unlabeled(Path(plan["unlabeled_data_root"]), data.index.pixels, plan["on_bad_data"], held_out)
    where = f"in {found.folders} folders, whose names are no labels" if found.folders > 1 else "in one folder"
    logger.info("unlabelled %d images %s; %d left out", len(found.items), where, len(found.problems))
    return found


def make_unlabeled(
    found: UnlabeledImages | None, data: ReadData, datamodule: OTXDataModule, input_spec: InputSpec
) -> Unlabeled | None:
    """What `fit` takes.

    Args:
        found: The images; None where there are none.
        data: The labelled ones.
        datamodule: Feeds them.
        input_spec: Of the model.
    """
    if found is None:
        return None
    batches = partial(unlabeled_batches, found.items, datamodule, input_spec)
    return Unlabeled(len(found.items), batches, data.spec.load("pseudo_labels"))
