"""Runs the model of this folder on pictures and prints what it finds, in the form of OTX's predictions.json.

Usage: python run.py PICTURE [PICTURE ...], after pip install -r requirements.txt. `otx export --bundle` made it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov


def fit(image: np.ndarray, spec: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """The image as the model takes it, and the way back: x in the input = x in the image * scale + offset."""
    old, size = np.array(image.shape[:2]), np.array([spec["height"], spec["width"]])
    new = size
    if spec["resize"] == "letterbox":
        new = np.clip(np.round(old * (size / old).min()), 1, size).astype(int)
    elif spec["resize"] == "center_crop":
        new = np.maximum(size, np.round(old * (size // spec["crop_ratio"] / old).max())).astype(int)
    for axis in (1, 0):  # bilinear, with antialiasing where that makes it smaller
        step = old[axis] / new[axis]
        centres = (np.arange(new[axis])[:, None] + 0.5) * step
        near = np.maximum(0, 1 - abs(np.arange(old[axis]) + 0.5 - centres) / max(1, step)).astype(np.float32)
        image = np.moveaxis(np.tensordot(near / near.sum(1, keepdims=True), image, (1, axis)), 0, axis).round()
    top, left = np.maximum(new - size, 0) // 2
    shown = image[top : top + size[0], left : left + size[1]]
    pixels = np.full((*size, 3), spec["pad_value"], np.uint8)
    pixels[: shown.shape[0], : shown.shape[1]] = shown
    return pixels, {"scale": (new / old)[::-1], "offset": -np.array([left, top]), "size": old[::-1]}


def main(decode: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> None:
    """Print the records of the pictures that the command line names; maps become files in the current folder."""
    model = ov.Core().read_model(Path(__file__).with_name("model.xml"))
    keys = ("labels", "input_spec", "decode", "score_threshold")
    about = {key: json.loads(model.get_rt_info(["otx", key]).value) for key in keys}
    compiled, records = ov.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}), []
    for path in sys.argv[1:] or sys.exit(str(__doc__)):
        data = np.fromfile(path, np.uint8) if Path(path).is_file() else np.empty(0, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB) if data.size else None
        if image is None:
            sys.exit(f"{path}: no such picture, or not one that OpenCV can read")
        pixels, way_back = fit(image, about["input_spec"])
        raw = {port.any_name: value[0] for port, value in compiled(pixels[None]).items()}
        record = decode(raw, about | way_back)
        for key in [key for key, value in record.items() if isinstance(value, np.ndarray)]:
            file = f"{Path(path).stem}_{key}.png"
            cv2.imwrite(file, record[key])
            record[key] = file
        records.append({"image": path, "width": image.shape[1], "height": image.shape[0], **record})
    sys.stdout.write(json.dumps(records, indent=2, ensure_ascii=False) + "\n")
