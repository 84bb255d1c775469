"""Where to train: the devices of plain upstream PyTorch, and what Lightning must be told about them."""

from __future__ import annotations

from typing import Any, Literal

import torch
from lightning.pytorch.accelerators import Accelerator
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from otx.core.errors import UserError
from otx.training.fsdp import ShardedStrategy
from otx.training.processes import launcher, place

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


class XPUAccelerator(Accelerator):
    """Intel GPUs, which Lightning does not know but upstream PyTorch does."""

    def setup_device(self, device: torch.device) -> None:
        """Make the device the current one."""
        torch.xpu.set_device(device)

    def teardown(self) -> None:
        """Give the memory back."""
        torch.xpu.empty_cache()

    def get_device_stats(self, device: Any) -> dict[str, Any]:  # noqa: ANN401 - Lightning's own type
        """Memory statistics."""
        return dict(torch.xpu.memory_stats(device))

    @staticmethod
    def parse_devices(devices: Any) -> Any:  # noqa: ANN401
        """Device numbers as they are."""
        return devices

    @staticmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:  # noqa: ANN401
        """The devices of these numbers, or the first so many."""
        return [torch.device("xpu", i) for i in (range(devices) if isinstance(devices, int) else devices)]

    @staticmethod
    def auto_device_count() -> int:
        """Number of Intel GPUs."""
        return int(torch.xpu.device_count())

    @staticmethod
    def is_available() -> bool:
        """Whether there is one."""
        return bool(torch.xpu.is_available())

    @staticmethod
    def name() -> str:
        """The name in PyTorch."""
        return "xpu"


def trainer_arguments(
    device: torch.device, precision: Literal["32", "bf16"], strategy: Literal["ddp", "fsdp"] = "ddp"
) -> dict[str, Any]:
    """What Lightning's `Trainer` is told about the device, the other processes, and the precision of the arithmetic.

    Raises:
        UserError: Several processes were to use Intel GPUs.
    """
    plugins = [MixedPrecision("bf16-mixed", device.type)] if precision == "bf16" else []
    here = place()
    if here.size > 1:
        if device.type == "xpu":
            msg = "several Intel GPUs cannot train together yet; train on one, or on processors (--device cpu)"
            raise UserError(msg)
        # A part of a model may be left out of a step, for example where no image of the batch has an object.
        apart = DDPStrategy(cluster_environment=launcher(), find_unused_parameters=True)
        nodes = here.size // here.local_size
        return {
            "accelerator": device.type, "devices": here.local_size, "num_nodes": nodes,
            "strategy": ShardedStrategy(cluster_environment=launcher()) if strategy == "fsdp" else apart,
            "plugins": plugins,
            "inference_mode": strategy == "ddp",  # what is gathered in it could not be trained with afterwards
        }  # fmt: skip
    if device.type == "xpu":
        return {"strategy": SingleDeviceStrategy(device, accelerator=XPUAccelerator()), "plugins": plugins}
    return {"accelerator": device.type, "devices": 1 if device.type == "cpu" else [device.index], "plugins": plugins}
