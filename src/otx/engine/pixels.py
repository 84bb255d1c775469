"""How the values of pixels reach a model: channels, scale and normalisation. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.input_spec import RGB, InputSpec, PixelFormat
from otx.data.images import can_stand_for, read_pixels
from otx.data.index import DataIndex
from otx.data.media import still
from otx.recipes.plan import Plan

SAMPLE_IMAGES = 32
"""Training images, evenly spread, whose values are looked at."""
SAMPLE_PIXELS = 16384
"""Pixels of each, likewise."""
REACHED = 99.9
"""Percentile that counts as the largest value; single hot pixels lie above it."""
FEWEST_BITS = 8


def choose_pixels(plan: Plan, row: ModelRow, index: DataIndex) -> InputSpec:
    """The input of a model on images of the kind that the data set has.

    8-bit RGB keeps the row's normalisation. For all else the scale comes from the values in the training images. Mean
    and standard deviation are adapted from the row where the weights are pretrained, and measured where they are not.

    Args:
        plan: Takes the choices.
        row: The model to train.
        index: The data set.

    Raises:
        UserError: The model or the user's setting does not go with the images.
    """
    spec, found = row.input_spec, index.pixels
    plan.choose("model.channels", *_channels(row, found))
    spec = replace(spec, **_repeated(spec, int(plan["model.channels"])), dtype=found.dtype)
    require_pixels(found, spec, "the data set")
    if spec.pixels == RGB:
        plan.choose("model.max_value", spec.max_value, "8-bit images")
        plan.choose("model.mean", list(spec.mean), f"of {row.name}")
        plan.choose("model.std", list(spec.std), f"of {row.name}")
    else:
        _measure(plan, spec, [item.path for item in index.subsets["train"]])
    return replace(
        spec, max_value=float(plan["model.max_value"]), mean=tuple(plan["model.mean"]), std=tuple(plan["model.std"])
    )


def require_pixels(found: PixelFormat, spec: InputSpec, where: str) -> None:
    """Refuse images that a model cannot be fed with.

    Raises:
        UserError: Says what the images are made of, and what the model takes.
    """
    if not can_stand_for(found, spec.pixels):
        raise UserError(f"the images of {where} have {found}, but the model takes {spec.pixels}")


def _channels(row: ModelRow, found: PixelFormat) -> tuple[int, str]:
    if row.rgb_only and found.channels == 1:
        return RGB.channels, f"{row.name} takes RGB only: the one channel of the images is repeated"
    kind = "8-bit RGB; grey images are converted to it" if found == RGB else str(found)
    return found.channels, f"the images have {kind}"


def _repeated(spec: InputSpec, channels: int) -> dict[str, Any]:
    """The normalisation of RGB for other channels: its mean over the three for each."""
    if channels == spec.channels:
        return {}
    mean, std = (round(sum(values) / len(values), 4) for values in (spec.mean, spec.std))
    return {"channels": channels, "mean": (mean,) * channels, "std": (std,) * channels}


def _measure(plan: Plan, spec: InputSpec, paths: Sequence[Any]) -> None:
    step = max(1, len(paths) // SAMPLE_IMAGES)
    values_NC = np.concatenate([_thinned(read_pixels(still(path), spec.pixels)) for path in paths[::step]])
    reached = float(np.percentile(values_NC.max(axis=1), REACHED))
    plan.choose("model.max_value", *_scale(spec.dtype, reached))
    if plan["model.pretrained"] is not False:
        plan.choose("model.mean", list(spec.mean), "of the pretrained weights, averaged over their channels")
        plan.choose("model.std", list(spec.std), "of the pretrained weights, averaged over their channels")
        return
    scaled = values_NC / float(plan["model.max_value"])
    why = f"measured on {len(paths[::step])} training images"
    plan.choose("model.mean", [round(float(value), 5) for value in scaled.mean(axis=0)], why)
    plan.choose("model.std", [round(float(value), 5) or 1.0 for value in scaled.std(axis=0)], why)


def _thinned(pixels_HWC: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    pixels_NC = pixels_HWC.reshape(-1, pixels_HWC.shape[2])
    return pixels_NC[:: max(1, len(pixels_NC) // SAMPLE_PIXELS)].astype(np.float64)


def _scale(dtype: str, reached: float) -> tuple[float, str]:
    values = f"{REACHED:g} % of the training images' pixels lie below {reached:.6g}"
    if dtype == "uint8":
        return 255.0, "8-bit images"
    if dtype == "uint16":
        bits = max(FEWEST_BITS, math.ceil(math.log2(reached + 1)))
        return 2.0**bits - 1, f"{bits} bits are in use: {values}"
    if 0.5 < reached <= 1.0:
        return 1.0, f"values up to 1: {values}"
    return float(f"{max(abs(reached), 1e-6):.3g}"), values
