"""The graph that every export format starts from."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.input_spec import InputSpec
from otx.core.model import OTXModel

INPUT_NAME = "image"
TRACE_BATCH = 2
"""More than one, so that nothing in the trace takes the batch for a dimension that broadcasts."""
PIXEL_TYPES = {"uint8": "u8", "uint16": "u16", "float32": "f32"}


def pixel_type(spec: InputSpec) -> str:
    """OpenVINO's name of the type of the exported graph's input."""
    return PIXEL_TYPES[spec.dtype]


class NamedOutputs(nn.Module):
    """A graph whose dict of outputs is a tuple, because tracing loses names.

    Args:
        graph: From (B, C, H, W) pixels to named tensors.
        names: The order of the outputs.
    """

    def __init__(self, graph: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = graph  # `graph` is taken: TorchScript modules have such a property
        self.names = names

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) pixels -> outputs in the order of `names`."""
        outputs = self.network(images)
        return tuple(outputs[name] for name in self.names)


@dataclass(frozen=True)
class ExportGraph:
    """What is written to a file.

    Attributes:
        module: The network with its normalisation, ready to trace.
        example: (B, C, H, W) float pixels to trace with.
        spec: Size and type of the pixels.
        metadata: Strings by section and key.
    """

    module: NamedOutputs
    example: Tensor
    spec: InputSpec
    metadata: dict[str, dict[str, str]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.module.names


def export_graph(model: OTXModel[Any, Any], metadata: dict[str, dict[str, str]]) -> ExportGraph:
    """The graph of a copy of the model: on the CPU, in FP32, eval mode and the memory format that converters expect."""
    twin = copy.deepcopy(model).cpu().float().eval().to(memory_format=torch.contiguous_format)
    example = _example(model.input_spec)
    graph = twin.export_graph().eval()
    with torch.no_grad():
        names = tuple(graph(example))
    return ExportGraph(NamedOutputs(graph, names).eval(), example, model.input_spec, metadata)


def _example(spec: InputSpec) -> Tensor:
    noise = torch.rand(TRACE_BATCH, spec.channels, *spec.size, generator=torch.Generator().manual_seed(0))
    pixels = noise * spec.max_value
    return pixels if spec.dtype == "float32" else pixels.round()
