"""Builds the model of a plan and measures how it trains here: memory layout, precision, the time of an epoch."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.model import OTXModel
from otx.data.datamodule import OTXDataModule
from otx.engine.given import Given
from otx.engine.reading import ReadData, make_datamodule
from otx.frameworks.build import build_model
from otx.recipes.plan import Plan
from otx.training.allocator import keep_freed_memory
from otx.training.budget import EpochTime, seconds_per_epoch
from otx.training.device import resolve_device
from otx.training.speed import choose_speed

logger = logging.getLogger(__name__)

FASTEST = "the fastest that this machine has"


def make_model(
    given: Given, plan: Plan, data: ReadData, row: ModelRow | None, input_spec: InputSpec
) -> tuple[OTXModel[Any, Any], str]:
    """The model that the user made, or that the plan names, with its weights; and its name."""
    if row is None:
        own = given.model
        assert own is not None
        return own, type(own).__name__
    torch.manual_seed(plan["seed"])
    pretrained = plan["model.pretrained"]
    source = Path(pretrained) if isinstance(pretrained, str) else bool(pretrained)
    model, report = build_model(row, data.index.labels, input_spec, source)
    for line in report.lines() if report is not None else ():
        logger.info("weights: %s", line)
    return model, row.name


def settle_speed(plan: Plan, datamodule: OTXDataModule, model: OTXModel[Any, Any], name: str) -> None:
    """Memory format and precision: measured on this machine, unless both are given or the model is to be shared out."""
    if plan["training.strategy"] == "fsdp":
        plan.choose("training.precision", "32", "not measured: the model may be too large for one process")
        plan.choose("training.channels_last", False, "fsdp keeps the weights in no other layout")
    if not (plan.is_open("training.precision") or plan.is_open("training.channels_last")):
        return
    device = resolve_device(plan["device"])
    choice = choose_speed(model, next(iter(datamodule.loader("train", train=True))), device, name=name)
    plan.choose("training.precision", choice.precision, choice.reason)
    plan.choose("training.channels_last", choice.channels_last, choice.reason)


def epoch_time(plan: Plan, datamodule: OTXDataModule, model: OTXModel[Any, Any]) -> EpochTime:
    """Seconds of an epoch with its validation, once memory layout and precision are chosen.

    Raises:
        UserError: The model is to be shared out.
    """
    if plan["training.strategy"] == "fsdp":
        raise UserError(
            "--time measures an epoch of the whole model in one process, for which training.strategy=fsdp takes it to "
            "be too large: say --max_epochs instead"
        )
    return seconds_per_epoch(
        model,
        (datamodule.loader("train", train=True), datamodule.loader("val", train=False)),
        resolve_device(plan["device"]),
        precision=plan["training.precision"],
        channels_last=plan["training.channels_last"],
    )


def measure_epoch(given: Given, plan: Plan, data: ReadData, row: ModelRow | None, input_spec: InputSpec) -> float:
    """Seconds that an epoch of a planned training would take here, with its validation.

    Args:
        given: Has the model where the user made one.
        plan: Configured; gets the device and the speed that are chosen on the way.
        data: To train on.
        row: Of the catalog; None where the user made the model.
        input_spec: Of the model.
    """
    keep_freed_memory()
    plan.choose("device", resolve_device("auto").type, FASTEST)
    model, name = make_model(given, plan, data, row, input_spec)
    datamodule = make_datamodule(plan, data, input_spec)
    settle_speed(plan, datamodule, model, name)
    return sum(epoch_time(plan, datamodule, model))
