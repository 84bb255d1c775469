"""An exported classifier written straight through OpenVINO, so that the runtime is tested without torch models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from PIL import Image

from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.runtime.metadata import ExportInfo

INFO = ExportInfo(
    version="3.0.0",
    task="MULTI_CLASS_CLS",
    model="by/hand",
    labels=LabelInfo(("red", "very green", "blue <é>")),
    input_spec=InputSpec(height=32, width=48),
)


def write_classifier(path: Path, info: ExportInfo = INFO, **changes: str | None) -> Path:
    """A graph whose logits are the means of the colour channels; `changes` overwrite entries of the metadata."""
    image = ops.parameter([-1, 32, 48, 3], ov.Type.u8, name="image")
    image.output(0).get_tensor().set_names({"image"})
    logits = ops.divide(ops.reduce_mean(ops.convert(image, "f32"), [1, 2]), np.float32(20))
    logits.output(0).get_tensor().set_names({"logits"})
    model = ov.Model([logits], [image])
    for key, value in {**info.to_strings(), **changes}.items():
        if value is not None:
            model.set_rt_info(value, ["otx", key])
    ov.save_model(model, path)
    return path


@pytest.fixture
def classifier_file(tmp_path) -> Path:
    return write_classifier(tmp_path / "model.xml")


@pytest.fixture
def info() -> ExportInfo:
    return replace(INFO)


@pytest.fixture
def write():
    return write_classifier


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    """Twelve images of different sizes; number i is mostly of colour i % 3."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = []
    for index in range(12):
        pixels = generator.integers(0, 60, (20 + 7 * index, 90 - 5 * index, 3), dtype=np.uint8)
        pixels[..., index % 3] += 150
        paths.append(folder / f"{index:02}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture
def photograph(tmp_path) -> Path:
    """A JPEG of 480 x 300 pixels whose neighbours are alike, as in photographs."""
    path = tmp_path / "photograph.jpg"
    coarse = np.random.default_rng(1).integers(0, 256, (10, 16, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((480, 300), Image.Resampling.BICUBIC).save(path, quality=95)
    return path
