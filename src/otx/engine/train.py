"""`otx train`: from a data root to the best checkpoint."""

from __future__ import annotations

import gc
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import LambdaCallback

from otx.core.catalog import ModelRow
from otx.core.errors import OTXError, UserError
from otx.core.input_spec import InputSpec
from otx.core.model import OTXModel
from otx.data.check import check_data
from otx.data.datamodule import OTXDataModule
from otx.data.split import write_split
from otx.data.unlabeled import UnlabeledImages
from otx.engine.autoconfig import FEWEST_EPOCHS, choose_epochs, shrink_input
from otx.engine.configure import configure
from otx.engine.frozen import RECIPE, can_remember, remember_features
from otx.engine.given import Given
from otx.engine.kept import keep_in_memory
from otx.engine.lighter import find_lighter
from otx.engine.measure import FASTEST, epoch_time, make_model, settle_speed
from otx.engine.memory import halve_batch, is_out_of_memory
from otx.engine.pictures import draw_batch, draw_pairs
from otx.engine.ram import fit_ram
from otx.engine.reading import ReadData, make_datamodule, read_data
from otx.engine.results import TrainResult
from otx.engine.resume import alone, interrupted, plan_of
from otx.engine.unlabeled import make_unlabeled, read_unlabeled
from otx.engine.workspace import Workspace, new_workspace
from otx.recipes.plan import Plan
from otx.training.allocator import keep_freed_memory
from otx.training.budget import RESERVE, EpochTime, epochs_within
from otx.training.device import resolve_device
from otx.training.fit import FitResult, fit
from otx.training.fsdp import check_number
from otx.training.processes import agree, companions, place
from otx.training.ram import peak

logger = logging.getLogger(__name__)

FEWEST_BATCHES = 8
"""Of a run within a time: fewer teach nothing."""


def train(given: Given, extra: Mapping[str, Any], *, resume: bool) -> TrainResult:
    """Read the data, fill the gaps of the plan, train, and draw what came out.

    Where several processes train, the first one does that, and the others only train with it.

    Args:
        given: Knows the work dir and the user's own model object.
        extra: Settings from the arguments of the verb, by dotted key.
        resume: Go on with an interrupted run.

    Raises:
        UserError: The data, a setting or the work dir is wrong.
    """
    began = time.monotonic() if given.began is None else given.began
    keep_freed_memory()
    if place().rank:
        return _accompany(given)
    plan = given.plan(extra)
    if plan.choices["tuning.search"].origin == "user":
        logger.warning("tuning.search says what otx tune tries; this training leaves it aside")
    workspace = interrupted(given.work_dir) if resume else None
    if workspace is not None:
        plan = plan_of(workspace, plan)
    _choose_devices(plan)
    if plan["devices"] > place().size:
        with companions(plan["devices"], partial(_accompany, given)):
            return _train_here(given, plan, workspace, began, resume=resume)
    return _train_here(given, plan, workspace, began, resume=resume)


def _train_here(given: Given, plan: Plan, workspace: Workspace | None, began: float, *, resume: bool) -> TrainResult:
    split_file = _split_file(workspace.root if workspace else given.work_dir)
    data = read_data(plan, split_file=split_file, own=given.data)
    plan.choose("device", resolve_device("auto").type, FASTEST)
    untouched = Plan(dict(plan.choices))
    row, input_spec = configure(plan, data, given.model)
    if workspace is None:
        _check_time(plan)
    unlabeled = read_unlabeled(plan, data)
    run = _Run(given, plan, data, row, input_spec, workspace, began, resume, unlabeled, untouched)
    _check_ram(run)
    while True:
        try:
            return _train(run)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            _make_room(run, error)


def _check_ram(run: _Run) -> None:
    """Make batches smaller where memory is short; a run that goes on does so too, for the step stays the same.

    Raises:
        UserError: Nobody can say what this training takes.
    """
    plan, row = run.plan, run.row
    alone = plan["device"] == "cpu" and plan["devices"] == 1
    if row is not None and run.given.data is None and run.unlabeled is None and alone:
        fit_ram(plan, row, run.input_spec)
    elif plan["training.ram"]:
        msg = (
            "training.ram: a trial in another process tells what a training takes, which is done for models of the "
            "catalog, data in a folder, and one process on the CPU. Leave it out, or set data.batch_size."
        )
        raise UserError(msg)


@dataclass
class _Run:
    """What an attempt at training needs; `workspace` is None until there is one.

    `untouched` is the plan without what was chosen for the model; `shrunk` and `lightened` say that a smaller input and
    a lighter model have been looked for already, for want of time; `epoch` was measured where the time is bound.
    """

    given: Given
    plan: Plan
    data: ReadData
    row: ModelRow | None
    input_spec: InputSpec
    workspace: Workspace | None
    began: float
    resume: bool
    unlabeled: UnlabeledImages | None = None
    untouched: Plan = field(default_factory=Plan)
    shrunk: bool = False
    lightened: bool = False
    epoch: EpochTime | None = None


def _make_room(run: _Run, error: Exception) -> None:
    """Change the plan so that the next attempt needs less memory, and goes on from what was kept.

    Raises:
        OTXError: There is no next attempt: the model was given and is half trained, or other processes take part.
    """
    if run.given.model is not None or place().size > 1:
        kept = run.workspace is not None and run.workspace.resume_state.is_file()
        how = "go on with --resume" if kept else "try again"
        batch, accumulate = run.plan["data.batch_size"], run.plan["training.accumulate"]
        msg = (
            f"out of memory in the middle of training, with {batch} images at a time. What was kept stands: end other "
            f"programs and {how}, with smaller batches that make the same step: --set data.batch_size={batch // 2} "
            f"--set training.accumulate={accumulate * 2}."
        )
        raise OTXError(msg) from error
    halve_batch(run.plan)
    run.resume = run.resume or (run.workspace is not None and run.workspace.resume_state.is_file())
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _train(run: _Run) -> TrainResult:
    from otx.report.plots import plot_training

    plan, data = run.plan, run.data
    model, name = make_model(run.given, plan, data, run.row, run.input_spec)
    datamodule = make_datamodule(plan, data, run.input_spec)
    fed = _freeze(run, model) if plan["training.freeze_backbone"] is True else datamodule
    keep_in_memory(plan, data, fed, run.input_spec)
    settle_speed(plan, fed, model, name)
    if plan["training.time"] and plan.is_open("training.patience"):
        planned = _plan_time(run, fed, model)
        if planned is None:
            return _train(run)
        fed = planned
    new = run.workspace is None
    workspace = run.workspace = run.workspace or new_workspace(run.given.work_dir, str(data.spec.task), name)
    refusal = f"another process trains in {workspace.root}. Wait for its end, or name another --work_dir."
    with alone(workspace.root / "train.lock", refusal):
        if new:
            _write_records(run, workspace)
        _announce(plan, data, workspace)
        first = next(iter(datamodule.loader("train", train=True)))
        draw_batch(first, data.spec, data.index.labels, workspace.folder("plots") / "train_batch.jpg")
        agree((workspace.root, run.resume, plan))
        result = _fit(run, workspace, fed, model, name)
        validation = datamodule.loader("val", train=False)
        draw_pairs(model, data, validation, workspace.folder("plots") / "val_predictions.jpg")
        plot_training(workspace.root / "metrics.csv", workspace.folder("plots"))
    finished = _result(workspace, data, name, result)
    if budget := plan["training.time"]:
        used = time.monotonic() - run.began + result.earlier
        finished = replace(finished, budget=budget, budget_used=used / budget)
    if limit := plan["training.ram"]:
        finished = replace(finished, ram=limit, ram_used=peak() / limit)
    return finished


def _write_records(run: _Run, workspace: Workspace) -> None:
    """What a work dir holds before training begins."""
    data, plan = run.data, run.plan
    if data.index.split is not None:
        write_split(workspace.split, data.index.split, plan["seed"])
    report = check_data(data.source, data.index, data.spec.task, plan["on_bad_data"])
    more = {"unlabelled": run.unlabeled.to_json()} if run.unlabeled else {}
    workspace.write_json("data/report.json", report | more)
    workspace.write_environment()


def _fit(run: _Run, workspace: Workspace, datamodule: OTXDataModule, model: OTXModel[Any, Any], name: str) -> FitResult:
    """Train; the plan is written once the run has begun, for what is refused must leave an earlier one as it is."""
    settings, spec = run.plan.settings(), run.data.spec
    begun = LambdaCallback(on_train_start=lambda *_: run.plan.write(workspace.plan))
    return fit(
        model,
        datamodule,
        spec.load("metric")(run.data.index.labels),
        settings.training,
        workspace.root,
        model_name=name,
        monitor=spec.monitor,
        monitor_mode=spec.monitor_mode,
        seed=settings.seed,
        began=run.began,
        epoch=run.epoch,
        device=resolve_device(settings.device),
        resume=run.resume,
        callbacks=[] if place().rank else [begun],
        unlabeled=make_unlabeled(run.unlabeled, run.data, datamodule, run.input_spec),
    )


def _choose_devices(plan: Plan) -> None:
    """As many processes as were started, or as the user wants.

    Raises:
        UserError: That is another number than were started, or too few for the strategy.
    """
    started, wanted = place(), plan["devices"]
    if started.size > 1:
        plan.choose("devices", started.size, "so many were started")
        if plan["devices"] != started.size:
            msg = f"devices = {wanted}, but {started.size} processes were started together; leave the number out"
            raise UserError(msg)
    plan.choose("devices", 1, "several where they are asked for")
    check_number(plan["training.strategy"], plan["devices"])


def _accompany(given: Given) -> TrainResult:
    """Train with the first process, by its plan; the work dir has to be the same for all."""
    logging.getLogger("otx").setLevel(logging.ERROR)
    began = time.monotonic()
    root, resume, plan = agree((Path(), False, Plan()))
    workspace = Workspace(root)
    data = read_data(plan, split_file=_split_file(root), own=given.data)
    row, input_spec = configure(plan, data, given.model)
    run = _Run(given, plan, data, row, input_spec, workspace, began, resume)
    model, name = make_model(given, plan, data, row, input_spec)
    frozen = plan["training.freeze_backbone"] is True
    datamodule = _freeze(run, model) if frozen else make_datamodule(plan, data, input_spec)
    keep_in_memory(plan, data, datamodule, input_spec)
    return _result(workspace, data, name, _fit(run, workspace, datamodule, model, name))


def _announce(plan: Plan, data: ReadData, workspace: Workspace) -> None:
    """Say what was found and chosen, before the long part begins."""
    counts = " / ".join(f"{len(items)} {name}" for name, items in data.index.subsets.items())
    height, width = plan["model.input_size"]
    start = "from random weights" if plan["model.pretrained"] is False else "from pretrained weights"
    logger.info("data      %s: %s images, %d labels", plan["data_format"], counts, len(data.index.labels))
    for kind, count in data.index.problems.counts().items():
        logger.info("          %d x %s (data/report.json)", count, kind)
    logger.info("task      %s: %s", data.spec.task, plan.choices["task"].reason)
    logger.info("model     %s at %dx%d, %s", plan["model.name"], height, width, start)
    epochs, batch = plan["training.max_epochs"], plan["data.batch_size"]
    logger.info("training  %s epochs in batches of %s; all settings: %s", epochs, batch, workspace.plan)


def _split_file(work_dir: Path | None) -> Path | None:
    """The split that lies in the work dir: of the interrupted run, or put there to be used again."""
    file = Workspace(work_dir).split if work_dir is not None else None
    return file if file is not None and file.is_file() else None


def _check_time(plan: Plan) -> None:
    chosen = plan.choices["training.max_epochs"]
    if plan["training.time"] and not plan.is_open("training.max_epochs"):
        msg = f"--time plans the number of epochs, but training.max_epochs is {chosen.value} already ({chosen.reason})"
        raise UserError(msg)


def _freeze(run: _Run, model: OTXModel[Any, Any]) -> OTXDataModule:
    """Freeze the backbone; what to train the head on."""
    model.freeze_backbone()
    datamodule = make_datamodule(run.plan, run.data, run.input_spec)
    if can_remember(run.plan, model):
        fed = remember_features(model, run.data, datamodule, resolve_device(run.plan["device"]))
        if fed is not None:
            run.plan.add_recipe(RECIPE)
            return fed
    return datamodule


def _plan_time(run: _Run, datamodule: OTXDataModule, model: OTXModel[Any, Any]) -> OTXDataModule | None:
    """As much of epochs as fits in what is left of the time, of the head alone if too few of the whole network do.

    Returns:
        What to train on; None where a smaller input or a lighter model was taken, and all has to be made for it.

    Raises:
        UserError: Hardly a part of one fits.
    """
    plan = run.plan
    run.epoch = epoch = epoch_time(plan, datamodule, model)
    left = _seconds_left(run)
    epochs = epochs_within(left, epoch)
    short = epochs < FEWEST_EPOCHS and can_remember(plan, model)
    if plan.is_open("training.freeze_backbone"):
        plan.choose("training.freeze_backbone", short, f"{epochs:.3g} epochs of the whole network fit in the time")
        if short:
            return _plan_time(run, _freeze(run, model), model)
    if epochs < FEWEST_EPOCHS and left > 0 and _give_way(run, model, sum(epoch), left):
        return None
    left = _seconds_left(run)
    epochs = epochs_within(left, epoch)
    batches = len(datamodule.loader("train", train=True))
    if epochs < 1 and epochs * batches < FEWEST_BATCHES:
        msg = (
            f"--time {plan['training.time']:.0f}s cannot hold an epoch, nor {FEWEST_BATCHES} batches of one and a "
            f"validation: training takes about {epoch.training:.0f} s here, validation {epoch.validation:.0f} s, and "
            f"after reading and measuring {max(0.0, left):.0f} s are left. Give more time, or take a smaller "
            "--set model.input_size=[HEIGHT,WIDTH] or --model."
        )
        raise UserError(msg)
    reason = f"{epochs:.3g} fit in the {left:.0f} s left of {plan['training.time']:.0f} s, at {sum(epoch):.1f} s each"
    plan.choose("training.max_epochs", math.ceil(epochs), reason)
    logger.info("time      epochs: %s", reason)
    choose_epochs(plan, batches * int(plan["data.batch_size"]), epochs)
    return datamodule


def _seconds_left(run: _Run) -> float:
    return float(run.plan["training.time"]) * (1 - RESERVE) - (time.monotonic() - run.began)


def _give_way(run: _Run, model: OTXModel[Any, Any], epoch: float, left: float) -> bool:
    """Whether there was a smaller input, or where not one epoch fits of that a lighter model; all is made anew for it.

    Too few epochs of so many seconds fit in the seconds that are left.
    """
    plan = run.plan
    if not run.shrunk:
        run.shrunk = True
        smaller = shrink_input(plan, run.input_spec, left / epoch / FEWEST_EPOCHS)
        if smaller is not None:
            run.input_spec = smaller
            return True
    if epoch <= left or run.row is None or run.lightened or plan["training.freeze_backbone"] is True:
        return False
    run.lightened = True
    left -= time.monotonic() - run.began  # to make and measure all anew takes no longer
    if left <= 0:
        return False
    lighter = find_lighter(plan, run.data, run.row, run.input_spec, model=model, epoch=epoch, left=left)
    if lighter is None:
        return False
    logger.info("time      %s is %s", lighter.value, lighter.reason)
    kept = {"model.input_size": plan.choices["model.input_size"]}  # at which it was timed
    plan.choices = {**run.untouched.choices, **kept, "model.name": lighter}
    run.row, run.input_spec = configure(plan, run.data, None)
    _check_ram(run)
    return True


def _result(workspace: Workspace, data: ReadData, name: str, result: FitResult) -> TrainResult:
    return TrainResult(
        work_dir=workspace.root,
        task=str(data.spec.task),
        model=name,
        checkpoint=result.best_path,
        last=result.last_path,
        monitor=data.spec.monitor,
        metrics=result.best_metrics,
        epochs=result.epochs_done,
        stopped_early=result.stopped_early,
        seconds=result.seconds,
    )
