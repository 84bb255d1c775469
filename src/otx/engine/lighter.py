"""A lighter model, for want of time: the catalog says which could stand in, a few timed steps which is quick enough."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from otx.core.catalog import ModelRow
from otx.core.entity import OTXBatchDataEntity
from otx.core.input_spec import RGB, InputSpec
from otx.core.model import OTXModel
from otx.engine.autoconfig import FEWEST_EPOCHS
from otx.engine.reading import ReadData, make_datamodule
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.recipes.files import read_recipe
from otx.recipes.plan import Choice, Plan
from otx.training.device import resolve_device
from otx.training.speed import Candidate, stepper

LOOK = 0.1
"""Share of the time left after which no other model is looked at."""
STEPS = 2
"""That are timed of each stand-in, after one that fills caches."""
LEAST = 2.0
"""Epochs of a stand-in that must seem to fit: an epoch also reads images and validates, which steps do not tell."""
ABILITIES = ("exportable", "quantizable", "explainable", "tileable")


def stand_ins(plan: Plan, row: ModelRow, spec: InputSpec, rows: Iterable[ModelRow]) -> list[ModelRow]:
    """What may be trained in place of a model that OTX chose: it does what that does, with fewer parameters.

    Where the model starts from pretrained weights, a stand-in has weights that were trained on the same pictures.

    Args:
        plan: Says who chose the model and its weights.
        row: The model chosen.
        spec: Its input so far.
        rows: Models of the same task.

    Returns:
        The one of fewest parameters first; none where the user named the model, or a file of weights for it.
    """
    if plan.choices["model.name"].origin != "auto" or isinstance(plan["model.pretrained"], str):
        return []
    lighter = [other for other in rows if other.parameters < row.parameters and _is_equal(other, row, spec)]
    if plan["model.pretrained"]:
        source = row.weights.trained_on if row.weights else ""
        lighter = [other for other in lighter if other.weights and other.weights.trained_on == source]
    return sorted(lighter, key=lambda other: other.parameters)


def _is_equal(other: ModelRow, row: ModelRow, spec: InputSpec) -> bool:
    """Whether it is installed, takes such images, is trained in epochs, and can do all that the model can."""
    step = other.input_spec.multiple_of
    sized = other.input_spec.size == spec.size or (step and not any(length % step for length in spec.size))
    return bool(
        sized
        and find_spec(other.package)
        and (not other.rgb_only or spec.channels == RGB.channels)
        and (not other.input_spec.square or spec.height == spec.width)
        and "training.max_epochs" not in (read_recipe(other.recipe) if other.recipe else {})
        and all(getattr(other, ability) >= getattr(row, ability) for ability in ABILITIES)
    )


def find_lighter(
    plan: Plan, data: ReadData, row: ModelRow, spec: InputSpec, *, model: OTXModel[Any, Any], epoch: float, left: float
) -> Choice | None:
    """A lighter model in place of one of which not one epoch fits in the time, found by timing steps of both.

    Of those of which `FEWEST_EPOCHS` would fit, the one of most parameters is taken, otherwise the fastest.

    Args:
        plan: Of the model so far.
        data: To train on.
        row: Of the model so far.
        spec: Its input.
        model: The model so far.
        epoch: Seconds of an epoch of it.
        left: Seconds for all, of which looking may take a share.

    Returns:
        For `model.name`; None where too little of any such model would fit.
    """
    end = time.monotonic() + LOOK * left
    others = stand_ins(plan, row, spec, catalog().find(str(data.spec.task)))
    if not others:
        return None
    batch = next(iter(make_datamodule(plan, data, spec).loader("train", train=True)))
    before = _step(plan, model, batch)
    fitting: dict[str, float] = {}
    for other in others:
        if fitting and time.monotonic() >= end:
            break
        like = replace(other.input_spec, height=spec.height, width=spec.width, channels=spec.channels)
        built, _ = build_model(other, data.index.labels, like, pretrained=False)
        fitting[other.name] = left / epoch * before / _step(plan, built, batch)
    enough = [name for name, epochs in fitting.items() if epochs >= FEWEST_EPOCHS]
    name = enough[-1] if enough else max(fitting, key=fitting.__getitem__)
    if fitting[name] < LEAST:
        return None
    size = f"{spec.height}x{spec.width}"
    reason = f"lighter: not one epoch of {row.name} at {size} fits in the time, of this about {fitting[name]:.0f}"
    return Choice(name, "auto", reason)


def _step(plan: Plan, model: OTXModel[Any, Any], batch: OTXBatchDataEntity[Any]) -> float:
    """Seconds of a training step, in the precision and layout that the plan has."""
    way = Candidate(plan["training.precision"], plan["training.channels_last"])
    step = stepper(model, batch, resolve_device(plan["device"]), way, time.perf_counter)
    step()
    return min(step() for _ in range(STEPS))
