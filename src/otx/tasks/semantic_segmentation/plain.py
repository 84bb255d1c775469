"""Raw outputs -> a record of `predictions.json`, as the task's decoding does it, with numpy alone: for bundles."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from otx.core.run_lengths import run_lengths


def decode(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The region of each class in the picture, the largest first."""
    width, height = (int(side) for side in about["size"])
    columns, rows = np.maximum(1, np.round(about["size"] * about["scale"])).astype(int)
    best, labels = np.full((height, width), -np.inf, np.float32), np.zeros((height, width), np.uint8)
    for label, logits in enumerate(raw["logits"]):
        enlarged = cv2.resize(logits[:rows, :columns], (width, height), interpolation=cv2.INTER_LINEAR)
        labels[enlarged > best] = label
        best = np.maximum(best, enlarged)
    areas = np.bincount(labels.ravel(), minlength=len(raw["logits"]))
    order = [int(label) for label in np.argsort(-areas, kind="stable") if areas[label]]
    return {"objects": [region(about["labels"]["names"][i], labels == i, int(areas[i])) for i in order]}


def region(name: str, mask: np.ndarray, area: int) -> dict[str, Any]:
    """The pixels of a class."""
    rows, columns = (np.flatnonzero(mask.any(axis)).tolist() for axis in (1, 0))
    box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    return {"label": name, "bbox": box, "area": area, "mask": run_lengths(mask)}
