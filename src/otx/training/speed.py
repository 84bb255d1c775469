"""Measures which memory layout and precision train fastest here, instead of reading it off a list of CPU flags."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from otx.core.atomic import write_atomic
from otx.core.entity import OTXBatchDataEntity, OTXBatchLossEntity
from otx.core.model import OTXModel
from otx.training.module import lay_channels_last, place

Clock = Callable[[], float]

ROUNDS = 3
GAIN = 0.95
"""A candidate must need less than this share of the time of the best one before, or that one stays."""
BF16_GAIN = 0.85
"""Likewise for the step from FP32 to BF16, whose rounding has to be paid for."""
HOPELESS = 2.0
"""A candidate that is this much slower in its first measured step gets no second one."""


@dataclass(frozen=True)
class SpeedChoice:
    """How to train fastest.

    Attributes:
        channels_last: Keep images as NHWC in memory.
        precision: Of the forward pass.
        reason: The measurement in words, for the plan.
        measured: Seconds of a training step by candidate.
    """

    channels_last: bool
    precision: Literal["32", "bf16"]
    reason: str
    measured: dict[str, float]


@dataclass(frozen=True)
class Candidate:
    """A way to train.

    Attributes:
        precision: Of the forward pass.
        channels_last: Keep images as NHWC in memory.
    """

    precision: Literal["32", "bf16"]
    channels_last: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"{'FP32' if self.precision == '32' else 'BF16'}{' channels_last' if self.channels_last else ''}"


PLAIN = Candidate("32", channels_last=False)
CANDIDATES = (PLAIN, Candidate("32", channels_last=True), Candidate("bf16", False), Candidate("bf16", True))


def choose_speed(
    model: OTXModel[Any, Any],
    batch: OTXBatchDataEntity[Any],
    device: torch.device,
    *,
    name: str = "",
    budget: float = 20.0,
    clock: Clock = time.perf_counter,
) -> SpeedChoice:
    """Time some training steps of each candidate on copies of the model; what a machine has measured once is kept.

    Neither the model nor the generators of random numbers are changed.

    Args:
        model: What will be trained.
        batch: As large as those of the training.
        device: Where it will be trained.
        name: Catalog name of the model, under which the result is kept.
        budget: Seconds after which no further step is begun; the candidates so far decide.
        clock: What to measure with.
    """
    key = _key(model, name, batch, device)
    if (known := _recall(key)) is not None:
        return known
    seconds = _measure(model, batch, device, budget, clock)
    choice = _decide(seconds)
    _remember(key, choice)
    return choice


def _measure(
    model: OTXModel[Any, Any], batch: OTXBatchDataEntity[Any], device: torch.device, budget: float, clock: Clock
) -> dict[Candidate, float]:
    """Best time of a step for each candidate that had its turn; candidates take turns, as machines have moods."""
    end = clock() + budget
    steps: dict[Candidate, Callable[[], float]] = {}
    seconds: dict[Candidate, float] = {}
    cuda = [device] if device.type in ("cuda", "xpu") else []
    with torch.random.fork_rng(cuda, device_type=device.type if cuda else "cuda"):
        for candidate in CANDIDATES:
            if seconds and clock() >= end:
                break
            step = stepper(model, batch, device, candidate, clock)
            step()  # compiles kernels and fills caches
            seconds[candidate] = step()
            if seconds[candidate] < HOPELESS * min(seconds.values()):
                steps[candidate] = step
        for _ in range(ROUNDS - 1):
            for candidate, step in steps.items():
                if clock() < end:
                    seconds[candidate] = min(seconds[candidate], step())
    return seconds


def stepper(
    model: OTXModel[Any, Any], batch: OTXBatchDataEntity[Any], device: torch.device, candidate: Candidate, clock: Clock
) -> Callable[[], float]:
    """A function that does one training step on a copy of the model and returns the seconds it took."""
    copied = copy.deepcopy(model).to(device).train()
    if candidate.channels_last:
        lay_channels_last(copied)

    def step() -> float:
        _wait(device)
        start = clock()
        placed = place(batch, device, channels_last=candidate.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=candidate.precision == "bf16"):
            losses = copied(placed)
        assert isinstance(losses, OTXBatchLossEntity), "a model in training mode returns losses"
        if losses.losses:
            torch.autograd.backward(losses.total)
        copied.zero_grad(set_to_none=True)
        _wait(device)
        return clock() - start

    return step


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "xpu":
        torch.xpu.synchronize(device)


def _decide(seconds: dict[Candidate, float]) -> SpeedChoice:
    best = PLAIN
    for candidate, needed in sorted(seconds.items(), key=lambda item: (item[0].precision, item[1])):
        if needed < (GAIN if candidate.precision == best.precision else BF16_GAIN) * seconds[best]:
            best = candidate
    measured = {candidate.name: round(value, 5) for candidate, value in seconds.items()}
    told = ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in measured.items())
    return SpeedChoice(best.channels_last, best.precision, f"{best.name}; measured per training step: {told}", measured)


def _key(model: OTXModel[Any, Any], name: str, batch: OTXBatchDataEntity[Any], device: torch.device) -> str:
    """Everything that the measurement depends on."""
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()
    facts = [
        *(machine, device.type, torch.get_num_threads(), torch.__version__),
        *(type(model).__qualname__, name, model.arch, sum(p.numel() for p in model.parameters() if p.requires_grad)),
        list(batch.images.shape),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith("model name")), platform.machine())


def _store(key: str) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "otx" / "speed" / f"{key}.json"


def _recall(key: str) -> SpeedChoice | None:
    try:
        return SpeedChoice(**json.loads(_store(key).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _remember(key: str, choice: SpeedChoice) -> None:
    try:
        write_atomic(_store(key), json.dumps(asdict(choice)))
    except OSError:
        # A home that cannot be written to costs a few seconds each time, nothing else.
        return
