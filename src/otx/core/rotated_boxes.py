"""Rotated boxes as their four corners. Imports no torch.

Shapes: N boxes of 4 corners with x and y, in order around the box; D detections, T true boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]

FINER = 4
"""A mask is traced on so many cells to one of its own, since tracing loses half a cell on each side."""


def around(points_K2: Floats) -> npt.NDArray[np.float32]:
    """(4, 2) corners of the rectangle of least area around points."""
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(np.asarray(points_K2, np.float32))), np.float32)


def around_mask(mask_hw: Floats, box: Sequence[float]) -> npt.NDArray[np.float32]:
    """(4, 2) corners of the rectangle of least area around the largest part of a mask.

    Args:
        mask_hw: Confidence in [0, 1]; its cells share the box evenly. From 0.5 on a cell belongs to the object; if none
            does, the box itself is the rectangle.
        box: XYXY in pixels.
    """
    left, top, right, bottom = box
    grown = cv2.resize(np.asarray(mask_hw, np.float32), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR)
    outlines, _ = cv2.findContours((grown >= 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    points = max(outlines, key=cv2.contourArea)[:, 0] + 0.5
    scale = np.array([(right - left) / grown.shape[1], (bottom - top) / grown.shape[0]])
    return around(points * scale + (left, top))


def overlaps(corners_D42: Floats, corners_T42: Floats) -> npt.NDArray[np.float64]:
    """(D, T) intersection over union, exact."""
    import shapely

    if not len(corners_D42) or not len(corners_T42):
        return np.zeros((len(corners_D42), len(corners_T42)))
    # Convex hulls: a box without area is a line, which has no ring of its own.
    one, other = (
        shapely.convex_hull(shapely.multipoints(np.asarray(corners, np.float64)))
        for corners in (corners_D42, corners_T42)
    )
    shared_DT = shapely.area(shapely.intersection(one[:, None], other))
    whole_DT = shapely.area(one)[:, None] + shapely.area(other) - shared_DT
    found: npt.NDArray[np.float64] = shared_DT / np.maximum(whole_DT, 1e-12)
    return found


def survivors(corners_N42: Floats, labels_N: Ints, iou: float) -> list[int]:
    """Indices of the boxes, best first, that no better one of their label overlaps by more than `iou`.

    Args:
        corners_N42: Best score first.
        labels_N: Class indices.
        iou: Overlap.
    """
    same_NN = (overlaps(corners_N42, corners_N42) > iou) & (labels_N[:, None] == labels_N)
    kept: list[int] = []
    for index in range(len(labels_N)):
        if not same_NN[index, kept].any():
            kept.append(index)
    return kept


def rectangles_among(polygons_N8: Floats) -> tuple[int, int]:
    """How many polygons of four corners are rectangles, and how many of those stand at an angle to the image."""
    corners_N42 = np.asarray(polygons_N8, np.float64).reshape(-1, 4, 2)
    sides_N42 = np.roll(corners_N42, -1, axis=1) - corners_N42
    lengths_N4 = np.linalg.norm(sides_N42, axis=2).clip(1e-9)
    closed = np.linalg.norm(sides_N42[:, 0] + sides_N42[:, 2], axis=1) <= 0.1 * lengths_N4.max(axis=1)
    cosine = np.abs((sides_N42[:, 0] * sides_N42[:, 1]).sum(axis=1)) / (lengths_N4[:, 0] * lengths_N4[:, 1])
    rectangle = closed & (cosine <= 0.1)
    slant = np.abs(sides_N42[:, 0]).min(axis=1) / lengths_N4[:, 0]
    return int(rectangle.sum()), int((rectangle & (slant > 0.05)).sum())
