"""What to do when the memory is not enough for a batch: smaller batches, whose gradients make the same step."""

from __future__ import annotations

import logging

import torch

from otx.core.errors import OTXError
from otx.recipes.plan import Choice, Plan

logger = logging.getLogger(__name__)

WORDS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
"""Of the allocators that have no error of their own."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: on the device, in torch on the CPU, or in Python."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)


def halve_batch(plan: Plan, why: str = "ran out of memory") -> None:
    """Half of the images at a time, and twice as many batches for a step, so that training stays the same.

    Args:
        plan: Takes the choices.
        why: What those of the plan did.

    Raises:
        OTXError: It is one image at a time already.
    """
    batch, accumulate = int(plan["data.batch_size"]), int(plan["training.accumulate"])
    if batch < 2:
        raise OTXError(
            f"one image at a time {why}. Take a smaller --set model.input_size=[HEIGHT,WIDTH], a smaller "
            "--model, or --precision bf16."
        )
    reason = f"batches of {batch} {why}"
    plan.choices["data.batch_size"] = Choice(batch // 2, "auto", reason)
    plan.choices["training.accumulate"] = Choice(accumulate * 2, "auto", f"{reason}: smaller ones make the same step")
    evaluated = min(int(plan["data.eval_batch_size"]), batch // 2)
    plan.choices["data.eval_batch_size"] = Choice(evaluated, "auto", reason)
    logger.warning("%s: going on with %d at a time, and %d batches to a step", reason, batch // 2, accumulate * 2)
