"""What a user can say about an export. Imports no torch."""

from __future__ import annotations

from typing import Literal

ExportFormat = Literal["openvino", "onnx"]
ExportPrecision = Literal["fp32", "fp16"]

MODEL_FILES: dict[ExportFormat, str] = {"openvino": "model.xml", "onnx": "model.onnx"}
PARITY_FILE = "parity.json"
PARITY_IMAGES = 64
MAX_DROP = 0.01
