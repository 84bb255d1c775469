"""Decides whether the images of a training are kept in memory, and decodes them."""

from __future__ import annotations

import logging
import math
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import track

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.data.kept_images import KeptImages, bytes_of, keep_images
from otx.data.own import OwnItem
from otx.engine.ram import worst_case
from otx.engine.reading import ReadData, least_sides
from otx.recipes.plan import Choice, Plan
from otx.training.processes import place
from otx.training.ram import GIB, available

if TYPE_CHECKING:
    from otx.data.datamodule import OTXDataModule

Wanted = tuple[dict[Path, int], dict[Path, int]]

logger = logging.getLogger(__name__)

LARGER = 4
"""Times the pixels of the model's input: decoding costs less than augmenting what is not larger than that."""
SHARE = 0.5
"""Of the memory that stays free beside the training."""


def keep_in_memory(plan: Plan, data: ReadData, datamodule: OTXDataModule, spec: InputSpec) -> None:
    """Decode the images of training and validation once for all epochs, as many as memory is there for.

    Args:
        plan: Configured; takes the choice.
        data: Read.
        datamodule: Made of it; gets what reads the images that are kept.
        spec: Of the model.

    Raises:
        UserError: The user gives memory for images, but there are none to decode, or all memory is bound.
    """
    if reason := _why_none(plan, datamodule, spec):
        if plan.choices["data.cache"].origin != "user":
            plan.choices["data.cache"] = Choice(0.0, "auto", reason)  # a run that goes on may have kept some before
        elif plan["data.cache"]:
            raise UserError(f"data.cache is {plan['data.cache']}, but {reason}; leave it out")
        return
    wanted = _sizes(plan, data, spec)
    plan.choose("data.cache", *_choose(plan, data, spec, sum(sum(sizes.values()) for sizes in wanted)))
    if plan["data.cache"]:
        _keep(datamodule, wanted, int(float(plan["data.cache"]) * GIB))


def _why_none(plan: Plan, datamodule: OTXDataModule, spec: InputSpec) -> str:
    if isinstance(datamodule.index.subsets["train"][0], OwnItem) or spec.frames > 1:
        return "there are no image files to decode in each epoch"
    return "training.ram bounds the memory, which a trial finds without kept images" if plan["training.ram"] else ""


def _keep(datamodule: OTXDataModule, wanted: Wanted, left: int) -> None:
    began = time.monotonic()
    kept: list[KeptImages] = []
    for read, sizes in zip((datamodule.train_read, datamodule.eval_read), wanted, strict=True):
        paths = []
        for path, size in sizes.items():
            if size <= left:
                paths.append(path)
                left -= size
        kept.append(keep_images(read, paths, _show))
    datamodule.train_read, datamodule.eval_read = kept
    counts = sum(len(one.images) for one in kept), sum(map(len, wanted))
    logger.info("images    %d of %d decoded in %.1f s for all epochs", *counts, time.monotonic() - began)


def _show(things: Iterable[Any], count: int) -> Iterable[Any]:
    return track(things, "decode", total=count, console=Console(stderr=True), transient=True, disable=place().rank > 0)


def _sizes(plan: Plan, data: ReadData, spec: InputSpec) -> Wanted:
    """Bytes of each image as it is decoded for training, and for validation."""
    per_pixel = spec.channels * np.dtype(spec.dtype).itemsize
    subsets = data.index.subsets
    train, val = (
        {item.path: bytes_of(item, per_pixel, side) for item in items}
        for items, side in zip((subsets["train"], subsets["val"]), least_sides(plan, data, spec), strict=True)
    )
    return train, val


def _choose(plan: Plan, data: ReadData, spec: InputSpec, needed: int) -> tuple[float, str]:
    if plan["training.max_epochs"] == 1:
        return 0.0, "a single epoch decodes each image once"
    pixels = statistics.fmean(item.height * item.width for item in data.index.subsets["train"])
    times = pixels / (spec.height * spec.width)
    if times < LARGER and not spec.tile and not spec.object_margin:
        return 0.0, f"images have {times:.1f} times the pixels of the model's input: decoding them costs little"
    free = (available() - worst_case(plan, spec)) * SHARE / int(plan["devices"])
    gib = math.ceil(100 * max(0.0, min(needed / GIB, free))) / 100
    return gib, (
        f"decoded, they take {needed / GIB:.2f} GiB, at most half of what is free beside the training was given "
        f"({max(0.0, free):.2f}); they have {times:.0f} times the pixels of the model's input"
    )
