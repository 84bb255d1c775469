"""Builds the optimiser: which parameters it moves, how far, and which of them decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from otx.core.errors import UserError, nearest
from otx.training.settings import OptimizerSettings

PEAK_LR = "peak_lr"
"""Key of a parameter group that holds the learning rate which the schedule scales."""


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> Optimizer | None:
    """An optimiser over the parameters that require gradients, in groups by learning rate and weight decay.

    Parameters whose learning rate is scaled by 0 are frozen: they do not require gradients any more.

    Returns:
        None where no parameter does.

    Raises:
        UserError: A prefix of `lr_scales` fits no parameter.
    """
    groups = _groups(model.named_parameters(), settings)
    if not groups:
        return None
    # One kernel over all parameters; no other device than these has it.
    fused = {parameter.device.type for parameter in model.parameters()} <= {"cpu", "cuda", "xpu"}
    if settings.name == "sgd":
        return SGD(groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.momentum > 0, fused=fused)
    return AdamW(groups, lr=settings.lr, betas=(settings.momentum, 0.999), fused=fused)


def set_lr(optimizer: Optimizer, factor: float) -> None:
    """Scale the peak learning rate of each group."""
    for group in optimizer.param_groups:
        group["lr"] = group[PEAK_LR] * factor


def _groups(parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings) -> list[dict[str, Any]]:
    by_kind: dict[tuple[float, float], list[nn.Parameter]] = {}
    names: list[str] = []
    for name, parameter in parameters:
        names.append(name)
        scale = _scale(name, settings.lr_scales)
        if scale == 0.0:
            parameter.requires_grad_(False)
        if parameter.requires_grad:
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            by_kind.setdefault((scale, decay), []).append(parameter)
    _check_prefixes(settings.lr_scales, names)
    return [
        {"params": members, "weight_decay": decay, "lr": settings.lr * scale, PEAK_LR: settings.lr * scale}
        for (scale, decay), members in by_kind.items()
    ]


def _scale(name: str, scales: dict[str, float]) -> float:
    """Factor of the longest prefix that fits."""
    prefixes = [prefix for prefix in scales if name.startswith(prefix)]
    return scales[max(prefixes, key=len)] if prefixes else 1.0


def _check_prefixes(scales: dict[str, float], names: list[str]) -> None:
    for prefix in scales:
        if not any(name.startswith(prefix) for name in names):
            parts = [name.split(".") for name in names]
            stems = {".".join(part[:depth]) for part in parts for depth in range(1, min(4, len(part)))}
            msg = f"training.optimizer.lr_scales: no parameter's name starts with {prefix!r}.{nearest(prefix, stems)}"
            raise UserError(msg)
