"""Raw outputs -> a record of `predictions.json`, as the task's decoding does it, with numpy alone: for bundles."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np


def decode(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """Both labels, the verdict first, and the map in pixels of the picture."""
    settings, heat = about["decode"], raw["anomaly_map"][0]
    unit = settings["normalization_scale"]
    score = float(np.clip(heat.max() / unit + (0.5 - settings["image_threshold"] / unit), 0, 1))
    values = zip(about["labels"]["names"], (1 - score, score), strict=True)
    labels = [{"label": name, "score": round(value, 5)} for name, value in values]
    grey = np.clip(relative(heat, settings), 0, 1) * 255
    (across, down), (left, top) = about["scale"], about["offset"]
    matrix = np.array([[across, 0, left + (across - 1) / 2], [0, down, top + (down - 1) / 2]])
    flags, size = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, [int(side) for side in about["size"]]
    whole = cv2.warpAffine(grey, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    verdict = labels[:: -1 if score >= about["score_threshold"] else 1]
    return {"labels": verdict, "anomaly_map": whole.round().astype(np.uint8)}


def decode_boxes(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The like, with a box around each connected part of the map above its threshold."""
    heat = relative(raw["anomaly_map"][0], about["decode"])
    count, parts, stats, _ = cv2.connectedComponentsWithStats((heat >= 0.5).astype(np.uint8))
    objects = []
    for part in range(1, count):
        left, top, width, height = stats[part, : cv2.CC_STAT_AREA].tolist()
        corners = (np.array([[left, top], [left + width, top + height]]) - about["offset"]) / about["scale"]
        box = np.clip(corners, 0, about["size"]).ravel().round(2).tolist()
        score = round(min(1.0, float(heat[parts == part].max())), 5)
        objects.append({"label": about["labels"]["names"][1], "bbox": box, "score": score})
    found = [one for one in objects if one["score"] >= about["score_threshold"]]
    return decode(raw, about) | {"objects": sorted(found, key=lambda one: -one["score"])}


def relative(heat: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """A map on the scale on which 0.5 is the threshold."""
    unit = settings["normalization_scale"]
    return np.asarray(heat / unit + (0.5 - settings["pixel_threshold"] / unit))
