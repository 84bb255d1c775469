"""The graph that every export format starts from."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.input_spec import InputSpec
from otx.core.model import OTXModel
from otx.core.raw_graph import GraphInput

INPUT_NAME = "image"
TRACE_BATCH = 2
"""More than one, so that nothing in the trace takes the batch for a dimension that broadcasts."""
FREE_LENGTH = 3
"""What a dimension that may be of any length has in the trace; neither one nor the batch, for the same reason."""
PIXEL_TYPES = {"uint8": "u8", "uint16": "u16", "float32": "f32"}
"""OpenVINO's names of the types that pixels have."""


class NamedOutputs(nn.Module):
    """A graph whose dict of outputs is a tuple, because tracing loses names.

    Args:
        graph: From (B, C, H, W) or (B, T, C, H, W) pixels, and what else it takes, to named tensors.
        names: The order of the outputs.
    """

    def __init__(self, graph: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = graph  # `graph` is taken: TorchScript modules have such a property
        self.names = names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Pixels, and what else the graph takes -> outputs in the order of `names`."""
        outputs = self.network(*inputs)
        return tuple(outputs[name] for name in self.names)


@dataclass(frozen=True)
class ExportGraph:
    """What is written to a file.

    Attributes:
        module: The network with its normalisation, ready to trace.
        examples: What to trace with: (B, C, H, W) or (B, T, C, H, W) float pixels, then one tensor for each of
            `more_inputs`.
        spec: Size and type of the pixels.
        more_inputs: What the graph takes beside the images.
        metadata: Strings by section and key.
        batch: Images that the graph takes at a time; -1 is free.
    """

    module: NamedOutputs
    examples: tuple[Tensor, ...]
    spec: InputSpec
    more_inputs: tuple[GraphInput, ...]
    metadata: dict[str, dict[str, str]]
    batch: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.module.names

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Shape of each input by name, images as (B, C, H, W) or (B, T, C, H, W); -1 is free."""
        image = {INPUT_NAME: [self.batch, *self.spec.shape]}
        return image | {more.name: [self.batch, *more.shape] for more in self.more_inputs}


def export_graph(model: OTXModel[Any, Any], metadata: dict[str, dict[str, str]]) -> ExportGraph:
    """The graph of a copy of the model: on the CPU, in FP32, eval mode and the memory format that converters expect."""
    twin = copy.deepcopy(model).cpu().float().eval().to(memory_format=torch.contiguous_format)
    images = 1 if model.exports_batch_of_one else TRACE_BATCH
    examples = (_pixels(model.input_spec, images), *(_zeros(more, images) for more in model.more_inputs))
    graph = twin.export_graph().eval()
    with torch.no_grad():
        names = tuple(graph(*examples))
    return ExportGraph(
        module=NamedOutputs(graph, names).eval(),
        examples=examples,
        spec=model.input_spec,
        more_inputs=model.more_inputs,
        metadata=metadata,
        batch=1 if model.exports_batch_of_one else -1,
    )


def _zeros(more: GraphInput, images: int) -> Tensor:
    return torch.zeros(images, *(FREE_LENGTH if length < 0 else length for length in more.shape))


def _pixels(spec: InputSpec, images: int) -> Tensor:
    noise = torch.rand(images, *spec.shape, generator=torch.Generator().manual_seed(0))
    pixels = noise * spec.max_value
    return pixels if spec.dtype == "float32" else pixels.round()
