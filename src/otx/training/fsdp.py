"""Shares the weights of one model out among the processes that train it, with torch's `fully_shard` (FSDP2).

Each process keeps its part of every parameter, of its gradient and of what the optimiser knows of it. A block of the
network is gathered when it is its turn and forgotten after it. What is written to files is whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from otx.core.errors import UserError
from otx.training.processes import agree, place

TORCH = "2.14"
"""Earlier ones do not find the losses in what a model returns, or have all processes use the same parameters."""
FEWEST = 100_000
"""Parameters that a block must have to be gathered by itself; asking for fewer takes longer than sending them."""


def check_number(strategy: str, processes: int) -> None:
    """See to it that there is somebody to share a model out among.

    Raises:
        UserError: There is not.
    """
    if strategy == "fsdp" and processes < 2:
        raise UserError(
            "training.strategy=fsdp: expected several processes to share the model out among, found one; say how many "
            "(--devices N, torchrun or SLURM), or set training.strategy=ddp"
        )


def share_out(model: nn.Module, device: torch.device) -> None:
    """Leave this process its part of the model's parameters, on the device; all processes have to do it together.

    Args:
        model: Its weights become those of the first process. It can be trained and asked for its state, and neither be
            copied nor be made whole again.
        device: Of this process.

    Raises:
        UserError: torch is too old, or cannot share this model out.
    """
    if torch.__version__ < TORCH:
        msg = f"training.strategy=fsdp: expected PyTorch {TORCH} or later, found {torch.__version__}; set it to ddp"
        raise UserError(msg)
    agree(None)
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.contiguous()
        distributed.broadcast(tensor.data, src=0)
    mesh = init_device_mesh(device.type, (place().size,))
    try:
        for block in [*_blocks(model), model]:
            # The outermost, too: between two steps there are parts only, for the average and the files to find.
            fully_shard(block, mesh=mesh, reshard_after_forward=True)
    except (ValueError, NotImplementedError) as error:
        msg = f"training.strategy=fsdp: PyTorch cannot share out {type(model).__name__}: {error} Set it to ddp."
        raise UserError(msg) from error
    # A part of a model may be left out of a step by one process and not by another.
    model.set_reduce_scatter_unused_params(True)  # type: ignore[operator]


def _blocks(model: nn.Module) -> Iterator[nn.Module]:
    """What the network repeats: modules of one class in a list or a sequence; inner ones before those around them."""
    repeated: set[nn.Module] = set()
    for container in model.modules():
        inside = list(container.children())
        if isinstance(container, _CONTAINERS) and len(inside) > 1 and len(set(map(type, inside))) == 1:
            repeated |= {module for module in inside if not isinstance(module, _CONTAINERS)}
    holders, taken = _holders(model), set[int]()
    for module in reversed(list(model.modules())):
        if module in repeated:
            own = {id(one): one.numel() for one in module.parameters() if id(one) not in taken}
            # A parameter that others have, too, must be there for them.
            alone = _holders(module).items() <= holders.items()
            if alone and sum(own.values()) >= FEWEST:
                taken |= own.keys()
                yield module


_CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)


def _holders(model: nn.Module) -> Counter[int]:
    """How many modules hold each parameter."""
    return Counter(id(one) for module in model.modules() for one in module.parameters(recurse=False))


def whole(value: Any) -> Any:  # noqa: ANN401 - a tree of anything
    """Nested dicts with each tensor that is shared out gathered: on the CPU of the first process, None in the others.

    Where there is any, all processes have to ask together.
    """
    if isinstance(value, DTensor):
        gathered = value.full_tensor()
        return gathered.cpu() if place().rank == 0 else None
    return {key: whole(one) for key, one in value.items()} if isinstance(value, dict) else value


def share_like(value: Tensor, other: Tensor) -> Tensor:
    """Of a whole tensor the part that this process has of another one; the tensor itself where that is whole, too."""
    if isinstance(other, DTensor):
        return distribute_tensor(value.contiguous(), other.device_mesh, other.placements, src_data_rank=None).clone()
    return value


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that is here; changing it in place changes the tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


class ShardedStrategy(DDPStrategy):
    """For a module whose model has been shared out. Its states are those of a model that was not."""

    def configure_ddp(self) -> None:
        """Nothing: the model takes care of its gradients."""

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Weights and buffers."""
        assert self.lightning_module is not None
        state: dict[str, Any] = whole(self.lightning_module.state_dict())
        return state

    def load_model_state_dict(self, checkpoint: Any, strict: bool = True) -> None:  # noqa: ANN401
        """Inverse of `lightning_module_state_dict`."""
        assert self.lightning_module is not None
        own = self.lightning_module.state_dict()
        parts = {
            name: share_like(value, own[name]) if name in own else value
            for name, value in checkpoint["state_dict"].items()
        }
        self.lightning_module.load_state_dict(parts, strict=strict)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """What the optimiser knows of each parameter, by its number."""
        state: dict[str, Any] = whole(super().optimizer_state(optimizer))
        return state

    def load_optimizer_state_dict(self, checkpoint: Any) -> None:  # noqa: ANN401
        """Inverse of `optimizer_state`."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [one for group in optimizer.param_groups for one in group["params"]]
            for number, known in state["state"].items():
                like = parameters[number]
                for name, value in known.items():
                    if isinstance(value, Tensor) and value.shape == like.shape:
                        known[name] = share_like(value, like)
        super().load_optimizer_state_dict(checkpoint)
