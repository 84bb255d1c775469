"""A graph -> ONNX file that takes an image as it comes from a decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from otx.core.atomic import replacing
from otx.core.errors import require
from otx.deploy.graph import ExportGraph
from otx.deploy.settings import ExportPrecision

OPSET = 17
SMALLEST_COMPRESSED = 32
"""Tensors of fewer values stay as they are: scales and shapes, where rounding hurts and saves nothing."""


class ImagesLast(nn.Module):
    """Takes pixels of any type, channels last as decoders give them, for a graph that wants (..., C, H, W) floats.

    Args:
        graph: The network with its normalisation.
    """

    def __init__(self, graph: nn.Module) -> None:
        super().__init__()
        self.network = graph  # `graph` is taken: TorchScript modules have such a property

    def forward(self, images: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
        """(B, H, W, C) or (B, T, H, W, C) pixels, and what else the graph takes -> outputs of the graph."""
        *leading, rows, columns, channels = range(images.ndim)  # not `movedim`, which the exporter does not know
        pixels = images.permute(*leading, channels, rows, columns).float()
        outputs: tuple[Tensor, ...] = self.network(pixels, *more)
        return outputs


def write_onnx(graph: ExportGraph, path: Path, precision: ExportPrecision) -> None:
    """Write one ONNX file; `metadata_props` has `<section> <key>`, the form that openvino-model-api reads.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    require("onnx", "onnx")
    import onnx

    pixels = graph.examples[0].movedim(-3, -1).contiguous().to(getattr(torch, graph.spec.dtype))
    free = {
        name: {axis: f"{name}_{axis}" if axis else "batch" for axis, length in enumerate(shape) if length < 0}
        for name, shape in graph.shapes.items()
    }
    if graph.batch < 0:
        free |= {name: {0: "batch"} for name in graph.names}
    with replacing(path) as partial:
        # The exporter of torch.export needs onnxscript and specialises the batch of several detectors.
        torch.onnx.export(
            ImagesLast(graph.module),
            (pixels, *graph.examples[1:]),
            str(partial),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.shapes),
            output_names=list(graph.names),
            dynamic_axes=free,
        )
        onnx_model = onnx.load(str(partial))
        if precision == "fp16":
            _compress(onnx_model.graph)
        for section, entries in graph.metadata.items():
            for key, value in entries.items():
                onnx_model.metadata_props.add(key=f"{section} {key}", value=value)
        onnx.checker.check_model(onnx_model)
        onnx.save(onnx_model, str(partial))


def _compress(graph: Any) -> None:  # noqa: ANN401 - protobuf's generated classes
    """Store weights in half precision and widen them where they are used, as OpenVINO does in an IR.

    Weights that half precision cannot hold stay as they are.
    """
    from onnx import TensorProto, helper, numpy_helper

    widened = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < SMALLEST_COMPRESSED or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.fp16"))
        widened.append(helper.make_node("Cast", [f"{name}.fp16"], [name], to=TensorProto.FLOAT))
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
