"""`Engine.explain`: what it writes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.explain.conftest import MODELS, SIDE, Detector
from torch import Tensor

from otx.core.errors import UserError
from otx.deploy.export import export
from otx.engine import Engine


@pytest.fixture
def pictures(image: Tensor, tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(image[0].movedim(0, -1).numpy()).save(folder / "red.v1.png")
    Image.fromarray(np.full((SIDE, 2 * SIDE, 3), 100, np.uint8)).save(folder / "red.v2.png")
    return folder


def test_maps_scores_and_pictures_of_each_image(pictures: Path, tmp_path: Path) -> None:
    file = export(MODELS["boxes"](), tmp_path / "model.xml")
    result = Engine(work_dir=tmp_path / "run").explain(pictures, file)
    assert (result.images, result.maps, result.evidence) == (2, 1, 1)
    found, nothing = json.loads(result.scores.read_text())
    (red,) = found["explanations"]
    assert (red["label"], red["method"], red["evidence"]) == ("red", "outputs", True)
    assert np.load(red["map"]).shape == (SIDE, SIDE)
    assert nothing["explanations"] == []
    assert len({Path(record["picture"]) for record in (found, nothing)}) == 2
    with Image.open(found["picture"]) as two, Image.open(nothing["picture"]) as one:
        assert two.width > 1.8 * one.width


def test_what_is_no_evidence_is_marked_and_not_drawn(pictures: Path, tmp_path: Path) -> None:
    colours = {}
    for name, sharpness in (("seeing", 6.0), ("blind", 0.0)):
        model = MODELS["classes"]()
        torch.nn.init.constant_(model.model.sharpness, sharpness)
        file = export(model, tmp_path / f"{name}.xml")
        result = Engine(work_dir=tmp_path / name).explain(pictures / "red.v1.png", file)
        (record,) = json.loads(result.scores.read_text())
        assert record["explanations"][0]["evidence"] is (sharpness > 0)
        with Image.open(record["picture"]) as picture:
            sheet = np.asarray(picture.convert("HSV"), int)
        colours[name] = (sheet[:, sheet.shape[1] // 2 :, 1] > 40).mean()
    assert colours["seeing"] > 1.3 * colours["blind"]


def test_files_that_cannot_be_read_stop_it_or_are_counted(pictures: Path, tmp_path: Path) -> None:
    file = export(MODELS["boxes"](), tmp_path / "model.xml")
    (pictures / "broken.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"broken\.png"):
        Engine(work_dir=tmp_path / "run").explain(pictures, file)
    result = Engine(work_dir=tmp_path / "run", on_bad_data="skip").explain(pictures, file)
    assert (result.images, [Path(path).name for path in result.skipped]) == (2, ["broken.png"])
    with pytest.raises(UserError, match="found no image"):
        Engine(work_dir=tmp_path / "run").explain(tmp_path / "nowhere", file)


def test_an_image_larger_than_a_tile_is_refused(pictures: Path, tmp_path: Path) -> None:
    whole = MODELS["boxes"]()
    tiled = Detector(whole.label_info, replace(whole.input_spec, tile=SIDE, tile_overlap=8))
    file = export(tiled, tmp_path / "model.xml")
    assert Engine(work_dir=tmp_path / "run").explain(pictures / "red.v1.png", file).maps == 1
    with pytest.raises(UserError, match=rf"red\.v2\.png is 64 x 32, but the model looks at tiles of {SIDE} pixels"):
        Engine(work_dir=tmp_path / "run").explain(pictures, file)


def test_a_task_that_has_nothing_to_explain_is_refused(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import otx.engine.explain as verb

    def mute(*words: object, **named: object) -> object:
        opened = verb_open(*words, **named)
        return replace(opened, spec=replace(opened.spec, saliency=""))

    verb_open = verb.open_model
    monkeypatch.setattr(verb, "open_model", mute)
    file = export(MODELS["boxes"](), tmp_path / "model.xml")
    with pytest.raises(UserError, match="a model of the task DETECTION, which has no maps"):
        Engine(work_dir=tmp_path / "run").explain(pictures, file)
