"""From a trained model to one file that runs without OTX: OpenVINO IR or ONNX, metadata inside."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from otx.core.errors import OTXError, UserError
from otx.core.model import OTXModel
from otx.deploy.graph import export_graph
from otx.deploy.metadata import sections
from otx.deploy.onnx_file import write_onnx
from otx.deploy.openvino_file import CONVERSION_ERRORS, write_ir
from otx.deploy.settings import ExportPrecision

WRITERS = {".xml": write_ir, ".onnx": write_onnx}


def export(model: OTXModel[Any, Any], path: Path, *, precision: ExportPrecision = "fp32", model_name: str = "") -> Path:
    """Write a model as OpenVINO IR (`.xml` and `.bin`) or ONNX (`.onnx`).

    The graph takes `image`, (B, H, W, C) pixels of the type in its `InputSpec`, or clips (B, T, H, W, C); B is free, or
    1 if the model `exports_batch_of_one`. It normalises by itself, and gives the raw outputs that the task's
    `decode.py` documents. The model itself is not touched: a copy is exported.

    Args:
        model: Any model, on any device, in any mode.
        path: File to write; its suffix decides the format.
        precision: How weights are stored; `fp16` halves the file, and the device decides the arithmetic either way.
        model_name: Name of the catalog row, kept in the file for people.

    Returns:
        The path.

    Raises:
        UserError: The suffix is unknown.
        MissingExtraError: ONNX is asked for and not installed.
        OTXError: The network cannot be converted.
    """
    writer = WRITERS.get(path.suffix)
    if writer is None:
        raise UserError(f"expected a file ending in {' or '.join(WRITERS)}, got {path}")
    # Tracing warns about every constant it sees; whether the file is right is measured afterwards (parity.py).
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        graph = export_graph(model, sections(model, model_name))
        try:
            writer(graph, path, precision)
        except CONVERSION_ERRORS as error:
            msg = f"{model_name or type(model).__name__} cannot be exported as {path.suffix}: {error}"
            raise OTXError(msg) from error
    return path
