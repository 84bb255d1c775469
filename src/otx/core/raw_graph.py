"""The graph that is exported: from pixels, and what else a task asks with, to the outputs that `decode.py` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class GraphInput:
    """Something that a graph takes beside the images, for example prompts; float32, one row per image.

    Attributes:
        name: Of the argument, and of the input of an exported file.
        shape: Behind the batch; -1 for what may be of any length.
    """

    name: str
    shape: tuple[int, ...]


class RawGraph(nn.Module):
    """Wraps a model's function from images to raw outputs as a traceable module that shares the model's weights.

    Args:
        owner: The model, so that its parameters and buffers belong to the graph.
        raw: Its function from (B, C, H, W) pixels, not normalised, and its `more_inputs` in order, to named tensors.
    """

    def __init__(self, owner: nn.Module, raw: Callable[..., dict[str, Tensor]]) -> None:
        super().__init__()
        self.owner = owner
        self.raw = raw

    def forward(self, images: Tensor, *more: Tensor, **named: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) pixels, and what else the model takes in order or by name -> named raw outputs."""
        return self.raw(images, *more, **named)
