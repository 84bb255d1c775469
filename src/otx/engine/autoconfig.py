"""The Auto-Configurator: fills every gap of a plan from the data and the machine, each with its reason.

Imports no torch.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Mapping, Sequence

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.evidence import Evidence
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType, TaskSpec
from otx.recipes.plan import Plan

PIXELS_PER_BATCH = 32 * 224 * 224
"""A batch of 32 at 224 pixels keeps two cores busy and fits any machine that can train."""
STEPS_PER_EPOCH = 8
"""Fewer make batch statistics and schedules coarse; small data sets get small batches."""
STEPS_FROM_SCRATCH = 4000
STEPS_FINE_TUNING = 1200
LARGEST_UPSCALE = 3.0
"""Tiny pictures are enlarged, since networks shrink them 32-fold, but not beyond reason."""


def choose_task(plan: Plan, evidence: Evidence, specs: Mapping[OTXTaskType, TaskSpec]) -> TaskSpec:
    """The task that the data was made for, unless the user named one.

    Raises:
        UserError: No task fits the content, or the named one is not offered.
    """
    if not plan.is_open("task"):
        named = [spec for spec in specs.values() if spec.task == str(plan["task"]).upper()]
        if not named:
            msg = f"task {plan['task']!r} is not offered. Known: {', '.join(sorted(specs))}"
            raise UserError(msg)
        return named[0]
    claims = {spec.task: claim for spec in specs.values() if (claim := spec.claim(evidence)) is not None}
    if not claims:
        found = ", ".join(f"{count} {kind}" for kind, count in evidence.annotations.items() if count) or "none"
        msg = (
            f"no task fits this data set: {evidence.items} images in format {evidence.format!r}, annotations: {found}. "
            "Name one with --task, or look with: otx check --data_root DIR"
        )
        raise UserError(msg)
    best = max(claims, key=lambda task: claims[task].fit)
    others = ", ".join(f"{task} ({claim.reason})" for task, claim in claims.items() if task != best)
    plan.choose("task", best.value, claims[best].reason + (f"; less likely: {others}" if others else ""))
    return specs[best]


def choose_model(plan: Plan, spec: TaskSpec) -> None:
    """Which model to train: a strong one from its pretrained weights, or one that learns from nothing."""
    scratch = plan["model.pretrained"] is False
    plan.choose(
        "model.name",
        spec.default_model_from_scratch if scratch else spec.default_model,
        "learns from random weights on little data" if scratch else "the best for its time on Intel CPUs, pretrained",
    )


def choose_pretrained(plan: Plan, row: ModelRow) -> None:
    """Pretrained weights are the default where a model has them."""
    if row.weights is None:
        plan.choose("model.pretrained", False, f"{row.name} has no pretrained weights")
    else:
        plan.choose("model.pretrained", True, f"weights of {row.name} ({row.weights.trained_on})")


def choose_input_size(plan: Plan, spec: InputSpec, sizes: Sequence[tuple[int, int]]) -> InputSpec:
    """The model's size, made smaller where the images have no more to show.

    Args:
        plan: Takes the choice.
        spec: The model's default input.
        sizes: Height and width of the training images.
    """
    if not plan.is_open("model.input_size"):
        return spec.with_size(*_two(plan["model.input_size"]))
    longest = statistics.median(max(size) for size in sizes)
    step = spec.multiple_of
    side = spec.height
    reason = f"the default of the model; the images' longer side is {longest:.0f} pixels (median)"
    useful = math.ceil(longest * LARGEST_UPSCALE / step) * step if step else side
    if step and useful < side:
        side = useful
        reason = f"images of {longest:.0f} pixels (median) show nothing more at the model's {spec.height}"
    plan.choose("model.input_size", [side, side * spec.width // spec.height], reason)
    return spec.with_size(*_two(plan["model.input_size"]))


def _two(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2:
        msg = f"model.input_size: expected [height, width], got {list(size)}"
        raise UserError(msg)
    return (int(size[0]), int(size[1]))


def choose_batch_size(plan: Plan, spec: InputSpec, images: int) -> None:
    """As many images as a batch of usual memory holds, but several steps an epoch on small data."""
    by_memory = PIXELS_PER_BATCH / (spec.height * spec.width)
    by_steps = images / STEPS_PER_EPOCH
    size = max(2, min(128, 2 ** int(math.log2(max(2.0, min(by_memory, by_steps))))))
    bound = "memory" if by_memory <= by_steps else f"at least {STEPS_PER_EPOCH} steps an epoch"
    plan.choose("data.batch_size", size, f"{images} images of {spec.height}x{spec.width}: bound by {bound}")


def choose_epochs(plan: Plan, images: int) -> None:
    """Enough optimiser steps to converge, whatever the size of the data."""
    scratch = plan["model.pretrained"] is False
    steps = STEPS_FROM_SCRATCH if scratch else STEPS_FINE_TUNING
    per_epoch = max(1, images // int(plan["data.batch_size"]))
    epochs = min(300, max(10, round(steps / per_epoch)))
    start = "from scratch" if scratch else "from pretrained weights"
    plan.choose("training.max_epochs", epochs, f"about {steps} steps {start}, {per_epoch} steps an epoch")


def choose_workers(plan: Plan) -> None:
    """Processes that load and augment while the others compute."""
    cores = os.cpu_count() or 1
    plan.choose("data.workers", min(8, max(1, cores // 2)), f"{cores} cores shared with the training itself")
