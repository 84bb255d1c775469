"""Whether images are cut into tiles, and into how large ones. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import TaskSpec
from otx.engine.reading import ReadData
from otx.recipes.plan import Plan

SMALL = 16.0
"""Side in pixels of the model's input below which objects are hard to find: half a cell of most networks."""
WANTED = 24.0
"""Side to which tiles bring the median object, as far as enlargement goes."""
MOST_ENLARGED = 2.0
FEWEST_TILES = 1.5
"""An image whose longer side is less than so many tiles is not worth cutting."""
OVERLAPS = (0.1, 0.5)
"""Least and greatest overlap, as shares of a tile."""
LARGE = 95.0
"""Percentile of the objects' sides that the overlap is for."""


def choose_tiles(plan: Plan, data: ReadData, row: ModelRow, spec: InputSpec) -> InputSpec:
    """The model's input, with tiles if objects would become too small without.

    Args:
        plan: Takes the choices.
        data: The data set, read for its task.
        row: The model.
        spec: Its input; `model.input_size` overrules the size where the user has named one.

    Raises:
        UserError: Tiles are asked for, and the task or the model cannot be run on them.
    """
    refusal = _why_not(data.spec, row, spec)
    if refusal and plan["data.tile"] is True:
        raise UserError(f"data.tile: {refusal}; leave tiles out (--tile false)")
    if refusal:
        plan.choose("data.tile", False, refusal)
    if plan["data.tile"] is False:
        return _whole(plan, spec)
    items = data.index.subsets["train"]
    length = float(np.median([max(item.height, item.width) for item in items]))
    sides = np.concatenate([data.reader.object_sides(item.annotation) for item in items])
    side = max(spec.size if plan.is_open("model.input_size") else plan["model.input_size"])
    useful, size, why = _weigh(sides, length, side)
    plan.choose("data.tile", useful, why)
    if not plan["data.tile"]:
        return _whole(plan, spec)
    plan.choose("data.tile_size", size, why)
    size = int(plan["data.tile_size"])
    plan.choose("data.tile_overlap", *_overlap(sides, size))
    return replace(spec, tile=size, tile_overlap=int(plan["data.tile_overlap"]))


def _whole(plan: Plan, spec: InputSpec) -> InputSpec:
    plan.choose("data.tile_size", 0, "no tiles")
    plan.choose("data.tile_overlap", 0, "no tiles")
    return spec


def _why_not(task: TaskSpec, row: ModelRow, spec: InputSpec) -> str:
    if not task.merge:
        return f"predictions of the task {task.task} on parts of an image cannot be merged"
    if not row.tileable:
        return f"{row.name} cannot be run on tiles"
    if spec.resize is ResizeMode.CENTER_CROP:
        return f"{row.name} sees only the centre of what it is fed"
    return ""


def _weigh(sides: npt.NDArray[Any], length: float, side: int) -> tuple[bool, int, str]:
    """Whether tiles are worth their time, the side of one that shows objects well, and why."""
    if not len(sides):
        return False, round(min(side, length)), "there are no objects to judge by"
    median = float(np.median(sides))
    seen = median * min(side / length, MOST_ENLARGED)
    objects = f"the median object of {median:.0f} pixels would be {seen:.1f} at the model's {side}"
    size = max(math.ceil(side / MOST_ENLARGED), min(side, round(side * median / WANTED)))
    if seen >= SMALL:
        return False, size, f"{objects}, which is enough"
    if length < FEWEST_TILES * size:
        return False, size, f"{objects}, but images of {length:.0f} pixels are hardly larger than a tile of {size}"
    return True, size, f"{objects}; in tiles of {size} it is {median * side / size:.1f}"


def _overlap(sides: npt.NDArray[Any], tile: int) -> tuple[int, str]:
    least, most = (round(share * tile) for share in OVERLAPS)
    if not len(sides):
        return least, f"{OVERLAPS[0]:.0%} of a tile"
    large = float(np.percentile(sides, LARGE))
    why = f"{LARGE:.0f} % of the objects are smaller than {large:.0f} pixels"
    return min(max(math.ceil(large), least), most), f"{why}; {least} to {most} of a tile of {tile}"
