"""Where to train: the devices of plain upstream PyTorch."""

from __future__ import annotations

from typing import Literal

import torch

from otx.core.errors import UserError
from otx.training.processes import place

DeviceName = Literal["auto", "cpu", "xpu", "cuda"]


def resolve_device(name: DeviceName) -> torch.device:
    """The device of that name; `auto` takes an NVIDIA GPU, else an Intel GPU, else the CPU.

    Where several processes train, each has its own.

    Raises:
        UserError: This machine, or this build of PyTorch, has no such device, or not enough of them.
    """
    found = {"cuda": torch.cuda.is_available(), "xpu": torch.xpu.is_available(), "cpu": True}
    if name == "auto":
        name = "cuda" if found["cuda"] else "xpu" if found["xpu"] else "cpu"
    if not found.get(name):
        usable = ", ".join(kind for kind, there in found.items() if there)
        raise UserError(f"device {name!r}: PyTorch {torch.__version__} finds none on this machine; it finds: {usable}")
    if name == "cpu":
        return torch.device(name)
    here = place()
    if here.local_size > (count := getattr(torch, name).device_count()):
        raise UserError(f"expected a device {name!r} for each of {here.local_size} processes, found {count}")
    return torch.device(name, here.local_rank)
