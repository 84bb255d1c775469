"""`otx export`: a checkpoint becomes OpenVINO IR or ONNX, proven on validation images."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from otx.core.errors import UserError
from otx.deploy.bundle import Facts, clear_bundle, require_bundle, write_bundle
from otx.deploy.gate import export_proven
from otx.deploy.settings import PARITY_IMAGES, parity_file
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.reading import ReadData
from otx.engine.results import ExportResult
from otx.engine.test import data_for
from otx.engine.workspace import Workspace
from otx.training.checkpoint import read_meta

PARITY_BATCH = 8
FILES = {"openvino": "model.xml", "onnx": "model.onnx"}


def export(
    given: Given,
    checkpoint: Path | None,
    file_format: Literal["openvino", "onnx"],
    precision: Literal["fp32", "fp16"],
    max_drop: float,
    *,
    bundle: bool = False,
) -> ExportResult:
    """Write `export/model.xml` and `parity.json` (or `model.onnx` and `parity.onnx.json`), and the bundle if asked for.

    Args:
        given: Knows the work dir and the data root.
        checkpoint: The checkpoint; None takes the best of the work dir.
        file_format: What to write.
        precision: Of the stored weights.
        max_drop: Largest relative drop of the task's metric that passes.
        bundle: Write `export/bundle/` and `export/bundle.zip` too.

    Raises:
        ParityError: The exported model is not equal enough.
        UserError: The checkpoint is an exported file already, or there is no bundle for it.
    """
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given)
    if opened.exported:
        raise UserError(f"{path} is an exported model already; name a checkpoint (.safetensors)")
    if bundle:
        if file_format != "openvino":
            raise UserError("--bundle: a bundle holds an OpenVINO model; leave out --format onnx")
        require_bundle(opened.spec, opened.model.input_spec)
        if given.data is not None:
            raise UserError("--bundle takes a picture of the data along, and the data given to the Engine has no files")
    data, datamodule = data_for(given, workspace, opened)
    target = workspace.folder("export") / FILES[file_format]
    if file_format == "openvino":
        clear_bundle(target)
    export_proven(
        opened.model,
        datamodule.excerpt("val", PARITY_IMAGES, batch_size=PARITY_BATCH),
        target,
        precision=precision,
        model_name=opened.name,
        max_drop=max_drop,
    )
    parity = json.loads(parity_file(target).read_text(encoding="utf-8"))
    pictures = [item.path for name, items in data.index.subsets.items() if name == "val" for item in items]
    return ExportResult(
        work_dir=workspace.root,
        model=target,
        checkpoint=path,
        format=file_format,
        precision=precision,
        parity=parity,
        bundle=write_bundle(target, pictures, _facts(opened, workspace, data, parity)) if bundle else None,
    )


def _facts(opened: OpenedModel, workspace: Workspace, data: ReadData, parity: dict[str, Any]) -> Facts:
    metrics = {"val": {name: value for name, value in read_meta(opened.path).metrics.items() if isfinite(value)}}
    tested = workspace.root / "test" / "metrics.json"
    if tested.is_file():
        found = json.loads(tested.read_text(encoding="utf-8"))
        if Path(found["checkpoint"]).resolve() == opened.path.resolve():
            metrics[found["split"]] = found["metrics"]
    row = opened.row
    licences = [f"of the code: {row.licence if row else 'that of the author of the model'}"]
    if row and row.weights:
        licences.append(f"of the weights, where training began with pretrained ones: {row.weights.licence}")
    return Facts(
        data=data.source.root.name,
        images={name: len(items) for name, items in data.index.subsets.items()},
        metrics=metrics,
        parity=parity,
        licences=licences,
    )
