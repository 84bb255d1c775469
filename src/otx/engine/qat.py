"""`otx optimize --method qat`: a checkpoint is trained on for a while with its quantisers in."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from otx.core.errors import UserError
from otx.data.datamodule import OTXDataModule
from otx.deploy.export import export
from otx.deploy.fake_quantizers import insert_fake_quantizers
from otx.deploy.quantize import Images, Quantizer, Rung
from otx.engine.given import Given
from otx.engine.opening import OpenedModel
from otx.engine.workspace import Workspace
from otx.recipes.plan import Choice, Plan
from otx.training.device import resolve_device
from otx.training.fit import InterruptedTrainingError, fit
from otx.training.module import is_trained

NAME = "quantisation-aware training"
SHARE = 0.1
"""Of the learning rate and of the epochs of the training that it goes on with."""
FEWEST_EPOCHS = 3


def require_trainable(opened: OpenedModel) -> None:
    """Refuse what has no weights that could be trained on.

    Raises:
        UserError: It is an exported model, or one that is fitted without gradients.
    """
    if opened.exported:
        raise UserError(
            f"--method qat trains the weights on, and {opened.path} is an exported model, which holds none that can be "
            "trained. Name the checkpoint that it was made of (--checkpoint FILE.safetensors), or use --method ptq."
        )
    if not is_trained(opened.model):
        msg = f"--method qat trains the weights on, and {opened.name} is fitted without training. Use --method ptq."
        raise UserError(msg)


def train_quantized(
    given: Given, workspace: Workspace, opened: OpenedModel, datamodule: OTXDataModule, calibration: Images
) -> Rung:
    """Train in `optimize/qat/`, where `plan.yaml` says how, and write `optimize/qat/model.unproven.xml`.

    Args:
        given: What the user said.
        workspace: Of the training that is gone on with.
        opened: Its checkpoint; it is not touched.
        datamodule: Its data, with the augmentation of its recipe.
        calibration: Training images from which the ranges of the quantisers are taken, in batches of one.

    Returns:
        What gives the INT8 graph, a rung like any other.

    Raises:
        UserError: The checkpoint is of no work dir, or NNCF cannot follow the network.
        InterruptedTrainingError: By Ctrl-C or SIGTERM; nothing is kept.
    """
    plan = _plan(given, workspace.plan)
    model = insert_fake_quantizers(opened.model, calibration, opened.name)
    folder = workspace.root / "optimize" / "qat"
    shutil.rmtree(folder, ignore_errors=True)
    plan.write(folder / "plan.yaml")
    settings = plan.settings()
    try:
        result = fit(
            model.train(),  # Lightning leaves each part in the mode that it finds
            datamodule,
            opened.spec.load("metric")(model.label_info),
            settings.training,
            folder,
            model_name=opened.name,
            monitor=opened.spec.monitor,
            monitor_mode=opened.spec.monitor_mode,
            seed=settings.seed,
            device=resolve_device(settings.device),
        )
    except InterruptedTrainingError as stopped:
        rest = f"of {NAME}, which begins anew with the same command; nothing is kept, and {opened.path} is as it was."
        raise InterruptedTrainingError(stopped.epochs, rest) from stopped
    finally:  # nothing else could read them: their networks have quantisers in
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    path = export(model, folder / "model.unproven.xml", model_name=opened.name)
    lr = settings.training.optimizer.lr
    detail = f"epoch {result.best_epoch} of {result.epochs_done} at a learning rate of {lr:.1e}"
    return partial(Quantizer.trained, path=path, detail=detail)


def _plan(given: Given, path: Path) -> Plan:
    """The plan of the run, changed for training on; what the user says to this verb stands."""
    plan, said = Plan.read(path), given.plan()
    lr, epochs = plan["training.optimizer.lr"], max(FEWEST_EPOCHS, round(SHARE * plan["training.max_epochs"]))
    changes = {
        "training.optimizer.lr": (SHARE * lr, f"a tenth of the {lr:g} of the training: weights need to move little"),
        "training.max_epochs": (epochs, f"a tenth of those of the training, at least {FEWEST_EPOCHS}"),
        "training.schedule.warmup_steps": (0, "the weights are trained already"),
        "training.precision": ("32", "levels of a quantiser are finer than BF16"),
        "training.ema_decay": (0.0, "a run of so few steps ends before an average catches up"),
        "training.patience": (0, "it ends soon enough"),
        "training.time": (0.0, "max_epochs says how long"),
        "training.strategy": ("ddp", "one process trains"),
        "training.tensorboard": (False, "metrics.csv has it"),
    }
    for key, (value, reason) in changes.items():
        choice = said.choices[key]
        plan.choices[key] = choice if choice.origin == "user" else Choice(value, "auto", f"QAT: {reason}")
    return plan
