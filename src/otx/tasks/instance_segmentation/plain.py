"""Raw outputs -> a record of `predictions.json`, as the task's decoding does it, with numpy alone: for bundles."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from otx.core.run_lengths import run_lengths


def decode(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The objects in pixels of the picture, best first."""
    scores, objects = raw["boxes"][:, 4], []
    corners = (raw["boxes"][:, :4].reshape(-1, 2, 2) - about["offset"]) / about["scale"]
    boxes = np.clip(corners, 0, about["size"]).reshape(-1, 4).round(2).tolist()
    for i in np.argsort(-scores, kind="stable")[: about["decode"]["max_detections"]]:
        if scores[i] >= max(about["score_threshold"], 1e-30):
            mask = run_lengths(paste(raw["masks"][i], corners[i].ravel(), about["size"]))
            name, score = about["labels"]["names"][raw["labels"][i]], round(float(scores[i]), 5)
            objects.append({"label": name, "bbox": boxes[i], "mask": mask, "score": score})
    return {"objects": objects}


def paste(mask: np.ndarray, box: np.ndarray, size: np.ndarray) -> np.ndarray:
    """What the model says of the cells of a box, as a mask of the picture."""
    across, down = np.array(mask.shape[::-1]) / np.maximum(box[2:] - box[:2], 1e-6)
    matrix = np.array([[across, 0, (0.5 - box[0]) * across - 0.5], [0, down, (0.5 - box[1]) * down - 0.5]])
    flags, area = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, [int(side) for side in size]
    spread = cv2.warpAffine(mask, matrix, area, flags=flags, borderMode=cv2.BORDER_REPLICATE) >= 0.5
    columns, rows = np.arange(area[0]) + 0.5, np.arange(area[1])[:, None] + 0.5
    return np.asarray(spread & (columns >= box[0]) & (columns < box[2]) & (rows >= box[1]) & (rows < box[3]))
