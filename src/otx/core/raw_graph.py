"""The graph that is exported: from pixels to the raw outputs that a task's `decode.py` reads."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class RawGraph(nn.Module):
    """Wraps a model's function from images to raw outputs as a traceable module that shares the model's weights.

    Args:
        owner: The model, so that its parameters and buffers belong to the graph.
        raw: Its function from (B, C, H, W) pixels, not normalised, to named tensors.
    """

    def __init__(self, owner: nn.Module, raw: Callable[[Tensor], dict[str, Tensor]]) -> None:
        super().__init__()
        self.owner = owner
        self.raw = raw

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) pixels -> named raw outputs."""
        return self.raw(images)
