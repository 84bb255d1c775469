"""The Auto-Configurator: fills every gap of a plan from the data and the machine, each with its reason.

Imports no torch.
"""

from __future__ import annotations

import math
import os
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.evidence import Evidence
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import TaskSpec
from otx.recipes.plan import Choice, Plan
from otx.training.schedule import Schedule
from otx.training.settings import ScheduleSettings

PIXELS_PER_BATCH = 32 * 224 * 224
"""A batch of 32 at 224 pixels keeps two cores busy and fits any machine that can train."""
LARGEST_BATCH = 64
"""Beyond, an epoch has fewer steps and a step is no faster per image on a CPU."""
STEPS_PER_EPOCH = 8
"""Fewer make batch statistics and schedules coarse; small data sets get small batches."""
LARGEST_UPSCALE = 2.0
"""Tiny pictures are enlarged, since networks shrink them 32-fold, but not beyond reason."""
FEW_CORES = 2
"""On two cores, a worker made training of a small network 20 to 30 % slower (resnet10t at 64 pixels)."""
LARGEST_IMBALANCE = 5
"""Times the images of another class: from there on, batches hardly show the rarest one."""
MOST_EPOCHS = 300
FEWEST_EPOCHS = 10
PATIENCE_SHARE = 0.3
"""Of the planned epochs: the end of the schedule brings the last points, so stopping early is for hopeless runs."""


def choose_task(plan: Plan, evidence: Evidence, specs: Mapping[str, TaskSpec]) -> TaskSpec:
    """The task that the data was made for, unless the user named one.

    Raises:
        UserError: No task fits the content, or the named one is not offered.
    """
    if not plan.is_open("task"):
        named = [spec for spec in specs.values() if spec.task == str(plan["task"]).upper()]
        if not named:
            raise UserError(f"task {plan['task']!r} is not offered. Known: {', '.join(sorted(specs))}")
        return named[0]
    claims = {spec.task: claim for spec in specs.values() if (claim := spec.claim(evidence)) is not None}
    if not claims:
        found = ", ".join(f"{count} {kind}" for kind, count in evidence.annotations.items() if count) or "none"
        raise UserError(
            f"no task fits this data set: {evidence.items} images in format {evidence.format!r}, annotations: {found}. "
            "Name one with --task, or look with: otx check --data_root DIR"
        )
    best = max(claims, key=lambda task: claims[task].fit)
    others = ", ".join(f"{task} ({claim.reason})" for task, claim in claims.items() if task != best)
    plan.choose("task", str(best), claims[best].reason + (f"; less likely: {others}" if others else ""))
    return specs[best]


def preferred_formats(plan: Plan, specs: Mapping[str, TaskSpec]) -> tuple[str, ...]:
    """The data formats that can carry the task that the user named; none where the task is open."""
    if plan.is_open("task"):
        return ()
    return next((spec.formats for spec in specs.values() if spec.task == str(plan["task"]).upper()), ())


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


def choose_lr_scales(plan: Plan) -> None:
    """A recipe slows down what comes pretrained; from random weights all parts learn alike."""
    key = "training.optimizer.lr_scales"
    if plan["model.pretrained"] is False and plan[key] and plan.choices[key].origin == "recipe":
        plan.choices[key] = Choice({}, "auto", "no part comes pretrained: all of them learn at the same rate")


def choose_input_size(plan: Plan, spec: InputSpec, sizes: Sequence[tuple[int, int]]) -> InputSpec:
    """The model's size, made smaller where the images have no more to show, and of their shape where they are whole.

    Args:
        plan: Takes the choice.
        spec: The model's default input.
        sizes: Height and width of the training images.
    """
    if plan.is_open("model.input_size"):
        plan.choose("model.input_size", *_fitting_size(spec, sizes))
    return spec.with_size(*_two(plan["model.input_size"]))


def _fitting_size(spec: InputSpec, sizes: Sequence[tuple[int, int]]) -> tuple[list[int], str]:
    height, width = (statistics.median(size[axis] for size in sizes) for axis in (0, 1))
    step = spec.multiple_of
    if not step:
        return list(spec.size), "fixed by the model"
    if spec.object_margin:
        return list(spec.size), "the model's default for single objects, cut out of the images"
    side = max(spec.size)
    useful = math.ceil(max(height, width) * LARGEST_UPSCALE / step) * step
    images = f"images of {height:.0f}x{width:.0f} (median height x width)"
    reason = f"the model's default for {images}"
    if useful < side:
        side, reason = useful, f"{images} show nothing more at the model's {side}"
    if spec.square or spec.resize is ResizeMode.CENTER_CROP:
        return [side, side], reason
    shape = [max(step, math.ceil(side * length / max(height, width) / step) * step) for length in (height, width)]
    return shape, reason


def shrink_input(plan: Plan, spec: InputSpec, share: float) -> InputSpec | None:
    """A smaller input, for want of time: at least half as high and wide, and nearly as small as it takes.

    Args:
        plan: Takes the choice.
        spec: The input so far.
        share: How much of the time of an epoch so far the smaller one may take.

    Returns:
        The smaller input; None where the user chose the size or the model has only one.
    """
    step = spec.multiple_of
    if plan.choices["model.input_size"].origin != "auto" or not step:
        return None
    factor = max(0.5, math.sqrt(share))
    size = [max(step, int(length * factor / step) * step) for length in spec.size]
    if tuple(size) == spec.size:
        return None
    reason = f"smaller, because fewer than {FEWEST_EPOCHS} epochs of {spec.height}x{spec.width} fit in the time"
    plan.choices["model.input_size"] = Choice(size, "auto", reason)
    return spec.with_size(*size)


def _two(size: Sequence[int]) -> tuple[int, int]:
    if len(size) != 2:
        raise UserError(f"model.input_size: expected [height, width], got {list(size)}")
    return (int(size[0]), int(size[1]))


def choose_batch_size(plan: Plan, spec: InputSpec, images: int) -> None:
    """As many images as a batch of usual memory holds, but several steps an epoch on small data."""
    by_memory = PIXELS_PER_BATCH / (spec.height * spec.width * spec.frames)
    by_steps = images / STEPS_PER_EPOCH
    size = max(2, min(LARGEST_BATCH, 2 ** int(math.log2(max(2.0, min(by_memory, by_steps))))))
    devices = 1 if plan.is_open("devices") else int(plan["devices"])
    size = max(2, size // devices) * devices
    bound = "memory" if by_memory <= by_steps else f"at least {STEPS_PER_EPOCH} steps an epoch"
    plan.choose("data.batch_size", size, f"{images} images of {spec.height}x{spec.width}: bound by {bound}")
    plan.choose("data.eval_batch_size", plan["data.batch_size"], "that of training")


def choose_balance(plan: Plan, label_ids: Sequence[Sequence[int]]) -> None:
    """Draw all classes equally often where their images are very unequal in number.

    Args:
        plan: Takes the choice.
        label_ids: Class indices of each training image.

    Raises:
        UserError: The user wants it, but images do not have one class each, or there is only one.
    """
    counts = Counter(ids[0] for ids in label_ids if len(ids) == 1)
    why_not = ""
    if sum(counts.values()) < len(label_ids):
        why_not = "not every image has exactly one label"
    elif len(counts) < 2:
        why_not = "all images are of one class"
    if why_not:
        if plan["data.balance"] is True:
            raise UserError(
                "data.balance: expected training images of one class each, of two classes or more, but "
                f"{why_not}; leave it out, or set data.balance=false"
            )
        plan.choose("data.balance", False, why_not)
        return
    ratio = max(counts.values()) / min(counts.values())
    reason = f"the most frequent class has {ratio:.1f} times the images of the least"
    plan.choose("data.balance", ratio > LARGEST_IMBALANCE, reason)


def choose_epochs(plan: Plan, images: int, fitting: float = 0.0) -> None:
    """Enough optimiser steps to converge, whatever the size of the data, and the schedule that goes with them.

    Args:
        plan: Takes the choices.
        images: To train on.
        fitting: Epochs that fit in the time, once one has been timed.
    """
    plan.choose("training.accumulate", 1, "a batch fits in memory")
    steps, per_epoch = int(plan["training.steps"]), max(1, images // int(plan["data.batch_size"]))
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(steps / per_epoch)))
    if plan.is_open("training.max_epochs") and plan["training.time"]:
        return  # an epoch must be timed first
    plan.choose("training.max_epochs", epochs, f"training.steps is {steps}, an epoch has {per_epoch}")
    patience = max(10, round(PATIENCE_SHARE * int(plan["training.max_epochs"])))
    plan.choose("training.patience", patience, "a share of max_epochs: only hopeless runs are cut short")
    run = int((fitting or plan["training.max_epochs"]) * per_epoch / plan["training.accumulate"])
    warmup = Schedule.plan(ScheduleSettings(), run).warmup_steps
    plan.choose("training.schedule.warmup_steps", warmup, f"a share of the {run} steps of the run")


def choose_freezing(plan: Plan, own: bool) -> None:
    """Train the whole network, unless the user wants its backbone to stay; whether it must for want of time is open.

    Args:
        plan: Takes the choice.
        own: The model was given to the Engine, with whatever weights it has.

    Raises:
        UserError: There is nothing in the backbone that could stay.
    """
    scratch = plan["model.pretrained"] is False
    if scratch and not own and plan["training.freeze_backbone"] is True:
        raise UserError(
            "training.freeze_backbone: expected a backbone that has learned something, but model.pretrained is false "
            f"({plan.choices['model.pretrained'].reason}). Name a checkpoint (--pretrained FILE), or leave it out."
        )
    if scratch or not plan["training.time"]:
        reason = "it has no pretrained weights to keep" if scratch else "the time is not bound"
        plan.choose("training.freeze_backbone", False, reason)


def choose_workers(plan: Plan) -> None:
    """Processes that load and augment while the others compute; few cores are better left to the computing."""
    cores = (os.cpu_count() or 1) // (1 if plan.is_open("devices") else int(plan["devices"]))
    if cores <= FEW_CORES:
        plan.choose("data.workers", 0, f"{cores} cores: a loading process would hold up the training's own threads")
    else:
        plan.choose("data.workers", min(8, cores // 4 + 1), f"{cores} cores shared with the training itself")
