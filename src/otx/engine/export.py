"""`otx export`: a checkpoint becomes OpenVINO IR or ONNX, proven on validation images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from otx.core.errors import UserError
from otx.deploy.gate import export_proven
from otx.deploy.settings import PARITY_FILE, PARITY_IMAGES
from otx.engine.given import Given
from otx.engine.opening import locate, open_model
from otx.engine.results import ExportResult
from otx.engine.test import data_for

PARITY_BATCH = 8
FILES = {"openvino": "model.xml", "onnx": "model.onnx"}


def export(
    given: Given,
    checkpoint: Path | None,
    file_format: Literal["openvino", "onnx"],
    precision: Literal["fp32", "fp16"],
    max_drop: float,
) -> ExportResult:
    """Write `export/model.xml` (or `model.onnx`) and `export/parity.json`.

    Args:
        given: Knows the work dir and the data root.
        checkpoint: The checkpoint; None takes the best of the work dir.
        file_format: What to write.
        precision: Of the stored weights.
        max_drop: Largest relative drop of the task's metric that passes.

    Raises:
        ParityError: The exported model is not equal enough.
        UserError: The checkpoint is an exported file already.
    """
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given.model)
    if opened.exported:
        msg = f"{path} is an exported model already; name a checkpoint (.safetensors)"
        raise UserError(msg)
    _, datamodule = data_for(given, workspace, opened)
    target = workspace.folder("export") / FILES[file_format]
    export_proven(
        opened.model,
        datamodule.excerpt("val", PARITY_IMAGES, batch_size=PARITY_BATCH),
        target,
        precision=precision,
        model_name=opened.name,
        max_drop=max_drop,
    )
    return ExportResult(
        work_dir=workspace.root,
        model=target,
        checkpoint=path,
        format=file_format,
        precision=precision,
        parity=json.loads((target.parent / PARITY_FILE).read_text(encoding="utf-8")),
    )
