"""`otx optimize`: a checkpoint or an exported model becomes INT8, proven on validation images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

from otx.core.errors import UserError, require
from otx.deploy.gate import attempts, clear, export_proven, quantize_proven
from otx.deploy.quantize import LADDER, Rung
from otx.deploy.settings import CALIBRATION_IMAGES, FEWEST_CALIBRATION_IMAGES, INT8_IMAGES, parity_file
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.qat import NAME, require_trainable, train_quantized
from otx.engine.results import OptimizeResult
from otx.engine.test import data_for
from otx.frameworks import catalog

RUNGS: dict[str, dict[str, Rung]] = {"ptq": LADDER, "accuracy": dict(list(LADDER.items())[-2:])}


def optimize(
    given: Given, checkpoint: Path | None, method: Literal["ptq", "accuracy", "qat"], max_drop: float
) -> OptimizeResult:
    """Write `optimize/model.xml` and `optimize/parity.json`; of a checkpoint `optimize/fp32.xml` too.

    Args:
        given: Knows the work dir and the data root.
        checkpoint: The checkpoint or IR; None takes the best of the work dir.
        method: `ptq` climbs the whole ladder, `accuracy` begins with accuracy-aware quantisation, `qat` trains on.
        max_drop: Largest relative drop of the task's metric that passes.

    Raises:
        ParityError: No rung of the ladder, or not the training, keeps the metric.
        UserError: The model cannot be quantised, or there are too few images.
    """
    require("nncf", "nncf")
    workspace, path = locate(given.work_dir, checkpoint)
    target = workspace.root / "optimize" / "model.xml"
    if path.resolve() in [old.resolve() for old in attempts(target)]:
        raise UserError(
            f"{path} is what optimize writes, and removes first. Name the checkpoint or the IR that it is made of."
        )
    opened = open_model(path, given)
    _require_quantizable(opened)
    if method == "qat":
        require_trainable(opened)
    _, datamodule = data_for(given, workspace, opened)
    calibration = datamodule.excerpt("train", CALIBRATION_IMAGES)
    if len(calibration) < FEWEST_CALIBRATION_IMAGES:
        raise UserError(
            f"quantisation needs at least {FEWEST_CALIBRATION_IMAGES} training images to calibrate on, "
            f"found {len(calibration)} in {given.plan()['data_root'] or 'the data of the run'}. "
            "Add images, or name a larger set of the same kind with --data_root DIR."
        )
    validation = datamodule.excerpt("val", INT8_IMAGES)
    folder = workspace.folder("optimize")
    # Trained first: what an earlier call made is there until it ends.
    rungs = RUNGS.get(method) or {NAME: train_quantized(given, workspace, opened, datamodule, calibration)}
    clear(target)
    base, earlier = path, None
    if not opened.exported:
        base = folder / "fp32.xml"
        earlier = export_proven(opened.model, validation, base, model_name=opened.name, max_drop=max_drop)
        earlier = replace(earlier, name="FP32 model")
    parity = quantize_proven(base, validation, calibration, target, rungs=rungs, max_drop=max_drop, earlier=earlier)
    return OptimizeResult(
        work_dir=workspace.root,
        model=target,
        checkpoint=path,
        rung=parity.name,
        calibration_images=len(calibration),
        parity=json.loads(parity_file(target).read_text(encoding="utf-8")),
    )


def _require_quantizable(opened: OpenedModel) -> None:
    if opened.path.suffix == ".onnx":
        raise UserError(f"expected a checkpoint (.safetensors) or an OpenVINO IR (.xml), got {opened.path}")
    rows = [row for row in catalog().find(str(opened.spec.task)) if row.name == opened.name]
    if not all(row.quantizable for row in rows):
        raise UserError(
            f"{opened.name} cannot be quantised: NNCF fails on its graph. Use its export as it is (otx export "
            "--precision fp16 halves it), or train a model that can be (otx find; q: quantized)."
        )
