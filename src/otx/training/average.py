"""A moving average of the weights, which validates better and steadier than the weights of the last step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from otx.training.fsdp import local, share_like, whole


class WeightAverage:
    """Exponential moving average of parameters and buffers, with a decay that grows from 0.1 (as in TensorFlow's).

    Args:
        model: Whose weights are averaged; the average starts as a copy of them.
        decay: Weight of the past per step, after the first few hundred steps.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self._owners = [
            (name, owner, leaf)
            for name, owner, leaf in _tensors(model)
            if name in model.state_dict().keys()  # noqa: SIM118
        ]
        self._average = {name: tensor.detach().clone() for name, tensor in self._current()}

    def _current(self) -> Iterator[tuple[str, Tensor]]:
        # Looked up each time, because a model may put a new tensor in the place of a buffer.
        return ((name, getattr(owner, leaf)) for name, owner, leaf in self._owners)

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after an optimiser step."""
        self.steps += 1
        weight = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        averages: list[Tensor] = []
        currents: list[Tensor] = []
        for name, tensor in self._current():
            if tensor.is_floating_point():
                averages.append(local(self._average[name]))
                currents.append(local(tensor.detach()))
            else:
                self._average[name].copy_(tensor)
        torch._foreach_lerp_(averages, currents, weight)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average and the weights in the model, without copying where they are whole."""
        for name, tensor in self._current():
            if isinstance(tensor, DTensor):
                kept = local(tensor).clone()
                local(tensor).copy_(local(self._average[name]))
                local(self._average[name]).copy_(kept)
            else:
                self._average[name], tensor.data = tensor.data, self._average[name]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, the model has the averaged weights."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def state(self) -> dict[str, Any]:
        """For the resume file; where the model is shared out, all processes have to ask together."""
        return {"steps": self.steps, "average": whole(self._average)}

    def load(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        self.steps = state["steps"]
        for name, tensor in self._average.items():
            tensor.copy_(share_like(state["average"][name], tensor))


def _tensors(model: nn.Module) -> Iterator[tuple[str, nn.Module, str]]:
    """Name, owning module and attribute of each parameter and buffer, shared ones once."""
    seen: set[int] = set()
    for prefix, owner in model.named_modules():
        own = [*owner.named_parameters(recurse=False), *owner.named_buffers(recurse=False)]
        for leaf, tensor in own:
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield f"{prefix}.{leaf}" if prefix else leaf, owner, leaf
