"""Images of 16 bits and of five channels go the whole way: read, trained on, exported, predicted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
import tifffile
from PIL import Image

from otx.core.errors import UserError
from otx.engine import Engine

pytestmark = pytest.mark.framework("timm", "torchvision")

SIDE = 64
SMALL = {"data.workers": 0, "training.tensorboard": False}


def write_five_channels(root: Path, counts: dict[str, int] | None = None) -> Path:
    """Classes that differ in the fifth channel only, as float32 TIFF of five pages."""
    rng = np.random.default_rng(0)
    for subset, count in (counts or {"train": 24, "val": 12, "test": 12}).items():
        for number in range(count):
            label = ("low", "high")[number % 2]
            pixels = rng.normal(20, 5, (5, 32, 32)).astype(np.float32)
            pixels[4] += 30 * (label == "high")
            path = root / subset / label / f"{number}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, pixels, photometric="minisblack")
    return root


def write_sixteen_bits(root: Path, counts: dict[str, int] | None = None, bits: int = 12) -> Path:
    """Bright squares and dark discs on grey ground, of so many bits in 16-bit PNG, as COCO."""
    rng = np.random.default_rng(0)
    half = 2 ** (bits - 1)
    (root / "annotations").mkdir(parents=True)
    for subset, count in (counts or {"train": 48, "val": 12, "test": 12}).items():
        images, annotations = [], []
        for number in range(1, count + 1):
            pixels = rng.normal(half, half / 20, (SIDE, SIDE))
            label, side = number % 2, int(rng.integers(16, 30))
            x, y = (int(value) for value in rng.integers(0, SIDE - side, 2))
            pixels[y : y + side, x : x + side] += half * (0.9 if label else -0.9)
            file = root / "images" / subset / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(file), pixels.clip(0, 2**bits - 1).astype(np.uint16))
            images.append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
            box = {"bbox": [x, y, side, side], "area": side * side, "iscrowd": 0}
            annotations.append({"id": number, "image_id": number, "category_id": label + 1} | box)
        categories = [{"id": 1, "name": "dark"}, {"id": 2, "name": "bright"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{subset}.json").write_text(json.dumps(content))
    return root


def check_whole_way(engine: Engine, images: Path, metric: str, least: float, element_type: str, channels: int) -> None:
    tested = engine.test()
    assert tested.metrics[metric] > least
    exported = engine.export()
    port = ov.Core().read_model(exported.model).input()
    assert (port.element_type.get_type_name(), port.partial_shape[3].get_length()) == (element_type, channels)
    assert engine.test(exported.model).metrics[metric] == pytest.approx(tested.metrics[metric], abs=0.002)
    by_torch, by_openvino = (
        json.loads(engine.predict(images, model).predictions.read_text()) for model in (None, exported.model)
    )
    assert len(by_torch) == 12
    assert [one["image"] for one in by_torch] == [one["image"] for one in by_openvino]
    assert len(list((tested.work_dir / "predict").glob("*.jpg"))) == 12


def test_five_channels_of_floats_are_classified(tmp_path) -> None:
    root = write_five_channels(tmp_path / "data")
    engine = Engine(root, pretrained=False, work_dir=tmp_path / "run", settings=SMALL)
    plan = engine.configure()
    assert plan["model.channels"] == 5
    assert "99.9 % of the training images' pixels lie below" in plan.choices["model.max_value"].reason
    mean = np.array(plan["model.mean"]) * plan["model.max_value"]
    assert mean == pytest.approx([20, 20, 20, 20, 35], abs=1)
    engine.train(max_epochs=4)
    check_whole_way(engine, root / "test", "accuracy", 0.9, "f32", 5)


def test_twelve_bits_in_sixteen_are_detected(tmp_path) -> None:
    root = write_sixteen_bits(tmp_path / "data")
    engine = Engine(root, pretrained=False, work_dir=tmp_path / "run", settings=SMALL)
    plan = engine.configure()
    assert (plan["model.channels"], plan["model.max_value"]) == (1, 4095)
    assert plan.choices["model.max_value"].reason.startswith("12 bits are in use")
    engine.train(max_epochs=12)
    check_whole_way(engine, root / "images" / "test", "map_50", 0.5, "u16", 1)


def test_pretrained_weights_bring_their_normalisation(tmp_path) -> None:
    root = write_five_channels(tmp_path, {"train": 4, "val": 2})
    plan = Engine(root).configure()
    assert plan["model.pretrained"] is True
    assert plan["model.mean"] == [0.449] * 5
    assert "of the pretrained weights" in plan.choices["model.mean"].reason


def write_grey(root: Path, dtype: type = np.uint8) -> Path:
    for number in range(8):
        path = root / ("train" if number < 4 else "val") / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32), 10 * number, dtype)).save(path)
    return root


def test_grey_pictures_are_rgb_unless_one_channel_is_asked_for(tmp_path) -> None:
    write_grey(tmp_path)
    plan = Engine(tmp_path, pretrained=False).configure()
    assert (plan["model.channels"], plan["model.max_value"], len(plan["model.mean"])) == (3, 255, 3)
    plan = Engine(tmp_path, pretrained=False, settings={"model.channels": 1}).configure()
    assert len(plan["model.mean"]) == 1
    assert plan["model.max_value"] == 255


def test_channels_that_the_data_does_not_have_are_refused(tmp_path) -> None:
    write_grey(tmp_path)
    with pytest.raises(UserError, match="have 3 channels of uint8, but the model takes 4 channels of uint8"):
        Engine(tmp_path, pretrained=False, settings={"model.channels": 4}).configure()


def test_a_model_for_rgb_gets_grey_repeated(tmp_path, monkeypatch) -> None:
    import otx.engine.configure as module

    find_row = module.find_row
    monkeypatch.setattr(module, "find_row", lambda *args: replace(find_row(*args), rgb_only=True))
    write_grey(tmp_path / "deep", np.uint16)
    plan = Engine(tmp_path / "deep", pretrained=False).configure()
    assert plan["model.channels"] == 3
    assert "takes RGB only: the one channel of the images is repeated" in plan.choices["model.channels"].reason
    write_five_channels(tmp_path / "five", {"train": 4, "val": 2})
    with pytest.raises(UserError, match="takes RGB images only, not 5 channels"):
        Engine(tmp_path / "five", pretrained=False, work_dir=tmp_path / "run", settings=SMALL).train(max_epochs=1)


def test_a_set_of_mixed_depths_is_refused_by_name(tmp_path) -> None:
    write_grey(tmp_path)
    Image.fromarray(np.zeros((32, 32), np.uint16)).save(tmp_path / "train" / "a" / "deep.png")
    with pytest.raises(UserError, match=r"train/a/deep.png: image of another kind \(1 channel of uint16, most have 3"):
        Engine(tmp_path, pretrained=False).configure()
    assert Engine(tmp_path, pretrained=False, on_bad_data="skip").configure()["model.channels"] == 3


def test_data_of_another_kind_is_refused_by_a_trained_model(tmp_path) -> None:
    write_grey(tmp_path / "data")
    engine = Engine(tmp_path / "data", pretrained=False, work_dir=tmp_path / "run", settings=SMALL)
    engine.train(max_epochs=1)
    write_grey(tmp_path / "deep", np.uint16)
    with pytest.raises(UserError, match="have 1 channel of uint16, but the model takes 3 channels of uint8"):
        Engine(tmp_path / "deep", work_dir=tmp_path / "run").test(split="val")
    with pytest.raises(UserError, match=r"png: cannot be read as an image: expected 3 channels of uint8"):
        engine.predict(tmp_path / "deep")
