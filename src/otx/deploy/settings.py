"""What a user can say about an export, and how exact it has to be. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ExportPrecision = Literal["fp32", "fp16"]

PARITY_IMAGES = 64
"""Validation images that the exported file is compared on."""
INT8_IMAGES = 256
"""The like for a quantised file, which is meant to differ: one image must be less than what may be lost."""
CALIBRATION_IMAGES = 300
"""Training images from which quantisation takes the ranges of activations; NNCF's own default."""
FEWEST_CALIBRATION_IMAGES = 10
"""Ranges of fewer are those of chance."""
MAX_DROP = 0.01
"""How much of the metric, relative, may be lost."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far raw outputs of an exported file may be from the model's own.

    Attributes:
        difference: Of an output, relative to its largest magnitude; of scores in [0, 1], absolute.
        unmatched: Share of confident detections that have no twin. Not 0, because near-tied queries may swap.
    """

    difference: float
    unmatched: float


TOLERANCES: dict[ExportPrecision, Tolerance] = {
    "fp32": Tolerance(difference=0.01, unmatched=0.01),
    "fp16": Tolerance(difference=0.05, unmatched=0.05),
}


def parity_file(model: Path) -> Path:
    """The proof beside a model file; an IR and an ONNX file in one folder have one each."""
    return model.with_name("parity.onnx.json" if model.suffix == ".onnx" else "parity.json")
