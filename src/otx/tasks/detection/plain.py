"""Raw outputs -> a record of `predictions.json`, as the task's decoding does it, with numpy alone: for bundles."""

from __future__ import annotations

from typing import Any

import numpy as np


def decode(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The detections in pixels of the picture, suppressed, best first."""
    boxes, scores, labels = raw["boxes"][:, :4], raw["boxes"][:, 4], raw["labels"]
    settings, kept = about["decode"], list[int]()
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= max(about["score_threshold"], 1e-30)]
    while len(order) and len(kept) < settings["max_detections"]:
        best, order = order[0], order[1:]
        kept.append(best)
        if settings["nms_iou"] is not None:
            same = labels[order] == labels[best]
            order = order[~(same & (overlaps(boxes[best], boxes[order]) > settings["nms_iou"]))]
    found = (boxes.reshape(-1, 2, 2) - about["offset"]) / about["scale"]
    found = np.clip(found, 0, about["size"]).reshape(-1, 4).round(2).tolist()
    names = about["labels"]["names"]
    objects = [{"label": names[labels[i]], "bbox": found[i], "score": round(float(scores[i]), 5)} for i in kept]
    return {"objects": objects}


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - shared
    return np.asarray(shared / np.maximum(union, 1e-12))
