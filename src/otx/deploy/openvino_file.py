"""A traced graph -> OpenVINO IR that takes an image as it comes from a decoder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import openvino as ov
import torch
from openvino.frontend import GeneralFailure, NotImplementedFailure, OpConversionFailure, OpValidationFailure
from openvino.preprocess import PrePostProcessor

from otx.core.errors import OTXError
from otx.core.input_spec import InputSpec
from otx.deploy.graph import INPUT_NAME, PIXEL_TYPES, ExportGraph
from otx.deploy.settings import ExportPrecision

CONVERSION_ERRORS = (GeneralFailure, NotImplementedFailure, OpConversionFailure, OpValidationFailure, RuntimeError)
"""What OpenVINO raises over a network that it cannot convert; its own errors share no base."""


def write_ir(graph: ExportGraph, path: Path, precision: ExportPrecision) -> None:
    """Write `path` (`.xml`) and the `.bin` beside it.

    Raises:
        OTXError: The converted graph has lost an output or its free batch.
    """
    # Conversion straight from the trace is the way that keeps the numbers for every family of networks tried.
    traced = torch.jit.trace(graph.module, graph.examples, strict=False, check_trace=False)
    ov_model = ov.convert_model(traced, example_input=graph.examples)
    _name_inputs(ov_model, graph.shapes)
    ov_model = _take_images(ov_model, graph.spec)
    _name_outputs(ov_model, graph)
    for section, entries in graph.metadata.items():
        for key, value in entries.items():
            ov_model.set_rt_info(value, [section, key])
    save(ov_model, path, precision)


def _name_inputs(ov_model: Any, shapes: dict[str, list[int]]) -> None:  # noqa: ANN401 - openvino is untyped
    if len(ov_model.inputs) != len(shapes):
        raise OTXError(f"conversion lost inputs: expected {', '.join(shapes)}, got {len(ov_model.inputs)}")
    for port, name in zip(ov_model.inputs, shapes, strict=True):
        port.get_tensor().set_names({name})
    ov_model.reshape(shapes)


def _take_images(ov_model: Any, spec: InputSpec) -> Any:  # noqa: ANN401 - openvino is untyped
    """Put the layout and type of decoded images in front: (B, H, W, C) pixels, (B, T, H, W, C) for clips."""
    steps = PrePostProcessor(ov_model)
    element_type = getattr(ov.Type, PIXEL_TYPES[spec.dtype])
    frames = "T" if spec.frames > 1 else ""
    steps.input(INPUT_NAME).tensor().set_element_type(element_type).set_layout(ov.Layout(f"N{frames}HWC"))
    steps.input(INPUT_NAME).preprocess().convert_element_type(ov.Type.f32)
    steps.input(INPUT_NAME).model().set_layout(ov.Layout(f"N{frames}CHW"))
    return steps.build()


def _name_outputs(ov_model: Any, graph: ExportGraph) -> None:  # noqa: ANN401 - openvino is untyped
    if len(ov_model.outputs) != len(graph.names):
        raise OTXError(f"conversion lost outputs: expected {', '.join(graph.names)}, got {len(ov_model.outputs)}")
    for output, name in zip(ov_model.outputs, graph.names, strict=True):
        output.get_tensor().set_names({name})
        if graph.batch > 0:
            continue
        if output.partial_shape.rank.is_dynamic or output.partial_shape[0].is_static:
            raise OTXError(
                f"the exported graph has a fixed batch: output {name!r} has shape {output.partial_shape}. "
                "Something in the network's forward turns the batch size into a number."
            )


def save(ov_model: Any, path: Path, precision: ExportPrecision) -> None:  # noqa: ANN401 - openvino is untyped
    """Write both files to the side and put them in place together, the weights first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
        written = Path(folder) / path.name
        ov.save_model(ov_model, written, compress_to_fp16=precision == "fp16")
        written.with_suffix(".bin").replace(path.with_suffix(".bin"))
        written.replace(path)
