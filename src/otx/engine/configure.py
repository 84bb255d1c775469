"""Fills the gaps of a training plan, in the order in which one choice needs another; builds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from otx.core.catalog import ModelRow
from otx.core.errors import OTXError, UserError
from otx.core.input_spec import InputSpec
from otx.data.tiling import cut_items
from otx.engine.autoconfig import (
    choose_balance,
    choose_batch_size,
    choose_epochs,
    choose_freezing,
    choose_input_size,
    choose_lr_scales,
    choose_model,
    choose_pretrained,
    choose_workers,
)
from otx.engine.pixels import choose_pixels, require_pixels
from otx.engine.reading import ReadData
from otx.engine.tiles import choose_tiles
from otx.engine.unlabeled import RECIPE as UNLABELED
from otx.engine.unlabeled import check_unlabeled
from otx.frameworks.build import find_row
from otx.recipes.plan import Plan

if TYPE_CHECKING:
    from otx.core.model import OTXModel
    from otx.data.item import Item


def configure(plan: Plan, data: ReadData, own: OTXModel[Any, Any] | None) -> tuple[ModelRow | None, InputSpec]:
    """Lay the recipes of task and model under the plan, and choose what is still open.

    Only what must be measured on the model itself (precision, memory format) stays open.

    Args:
        plan: What the user said; takes the choices.
        data: The data set, read for its task.
        own: A model object that the user gave to the Engine.

    Returns:
        The catalog row of the model to train (None for a model of the user's own), and its input.

    Raises:
        OTXError: Nothing can be learned from the data.
        UserError: There is no such model, it cannot take the named input size, or the user's own is not for this data.
    """
    if reason := data.index.why_not_trainable():
        msg = f"{data.source.root} cannot be trained on: {reason}. Look into it with: otx check --data_root DIR"
        raise OTXError(msg)
    plan.add_recipe(data.spec.recipe)
    row = None
    if own is not None:
        _check_own(own, data)
        plan.add_user({"model.name": type(own).__name__, "model.pretrained": False}, "the model given to the Engine")
        require_pixels(data.index.pixels, own.input_spec, str(data.source.root))
        default = replace(own.input_spec, multiple_of=0)
        plan.add_user({"data.tile": own.input_spec.tile > 0}, "the model given to the Engine")
    else:
        choose_model(plan, data.spec)
        row = find_row(plan["model.name"], data.spec.task)
        choose_pretrained(plan, row)
        if plan["model.pretrained"] is not False and data.spec.finetune:
            plan.add_recipe(data.spec.finetune)
        if row.recipe:
            plan.add_recipe(row.recipe)
        choose_lr_scales(plan)
        default = choose_pixels(plan, row, data.index)
        default = choose_tiles(plan, data, row, default)
    if plan["unlabeled_data_root"] and not plan["training.ema_decay"]:
        plan.add_recipe(UNLABELED)
    items: Sequence[Item] = data.index.subsets["train"]
    if default.tile:
        items = cut_items(items, data.reader, default, train=True)
    sizes = [(item.height, item.width) for item in items]
    input_spec = choose_input_size(plan, default, sizes)
    choose_batch_size(plan, input_spec, len(sizes))
    choose_balance(plan, [data.reader.label_ids(item.annotation) for item in items])
    choose_freezing(plan, own is not None)
    choose_epochs(plan, len(sizes))
    choose_workers(plan)
    check_unlabeled(plan, data, input_spec)
    return row, input_spec


def _check_own(own: OTXModel[Any, Any], data: ReadData) -> None:
    if own.task != data.spec.task:
        msg = f"the model given to the Engine solves {own.task}, but the task is {data.spec.task}; set task={own.task}"
        raise UserError(msg)
    if own.label_info != data.index.labels:
        raise UserError(
            f"expected a model for the labels of the data, in their order: {', '.join(data.index.labels.names)}; "
            f"the one given to the Engine was built for {', '.join(own.label_info.names)}"
        )
