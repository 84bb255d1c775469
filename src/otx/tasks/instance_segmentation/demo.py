"""An instance-segmentation set made of handwritten digits, in COCO's format with polygons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from otx.data.digit_scenes import write_scenes
from otx.data.digits import VISIBLE, Placed

FINER = 4
"""Outlines are traced on so many pixels to one of the image, since tracing loses half a pixel."""


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `images/{train,val,test}` and `annotations/instances_{train,val,test}.json`; same seed, same set."""
    write_scenes(root, seed, _outline)


def _outline(digit: Placed) -> dict[str, Any]:
    """The outer outlines of the ink, holes ignored."""
    ink = cv2.resize(digit.ink, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR)
    visible = (ink > VISIBLE).astype(np.uint8)
    traced, _ = cv2.findContours(visible, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    smooth = [cv2.approxPolyDP(outline, FINER / 4, closed=True)[:, 0] for outline in traced]
    corner = np.array(digit.box[:2])
    polygons = [((points + 0.5) / FINER + corner).round(2) for points in smooth if len(points) > 2]
    return {"segmentation": [points.flatten().tolist() for points in polygons], "area": float(visible.sum() / FINER**2)}
