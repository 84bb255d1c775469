"""Masks and outlines, from the data root to predictions of an exported model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.generated import LABELS, class_mask, pictures, write_coco, write_masks

from otx.core.masks import decode_rle
from otx.engine import Engine
from otx.engine.demo import demo

pytestmark = pytest.mark.framework("smp")

SETTINGS = {"data.workers": 0, "model.input_size": [64, 64], "training.precision": "32", "training.channels_last": True}


@pytest.mark.parametrize("form", ["masks", "outlines"])
def test_train_export_predict(tmp_path: Path, form: str) -> None:
    made = pictures({"train": 4, "val": 2, "test": 2})
    if form == "masks":
        written, task = write_masks(tmp_path / "data", made), None
    else:
        written, task = write_coco(tmp_path / "data", made, polygons=True), "SEMANTIC_SEGMENTATION"
    engine = Engine(tmp_path / "data", task=task, work_dir=tmp_path / "run", pretrained=False, settings=SETTINGS)
    trained = engine.train(max_epochs=1)
    assert trained.task == "SEMANTIC_SEGMENTATION"
    exported = engine.export()
    tested, tested_ir = engine.test(), engine.test(exported.model)
    assert tested_ir.metrics == pytest.approx(tested.metrics, abs=0.002)
    assert set(tested.per_class) <= {"background", *LABELS}

    image = next(path for name, path in written.images.items() if name.startswith("test"))
    sides = []
    for checkpoint in (None, exported.model):
        (record,) = json.loads(engine.predict(str(image), checkpoint).predictions.read_text())
        masks = {entry["label"]: decode_rle(entry["mask"]) for entry in record["objects"]}
        assert (sum(masks.values()) == 1).all()  # each pixel has one class
        assert next(iter(masks.values())).shape == (40, 60)
        assert all(entry["area"] == masks[entry["label"]].sum() for entry in record["objects"])
        sides.append(masks)
    assert sides[0].keys() == sides[1].keys()
    assert all((sides[0][label] != sides[1][label]).mean() < 0.01 for label in sides[0])


def test_outlines_and_masks_of_the_same_pictures_are_read_alike(tmp_path: Path) -> None:
    made = pictures({"train": 3, "val": 2, "test": 2})
    write_masks(tmp_path / "masks", made)
    write_coco(tmp_path / "outlines", made, polygons=True)
    found = {}
    for form in ("masks", "outlines"):
        engine = Engine(tmp_path / form, task="SEMANTIC_SEGMENTATION")
        found[form] = engine.check().report["subsets"]
    for subset in ("train", "val", "test"):
        per_class = [dict(found[form][subset]["per_class"]) for form in ("masks", "outlines")]
        # Masks say where background is; without outlines it is only what is left.
        assert per_class[0].pop("background") == len([one for one in made if one.subset == subset])
        assert per_class[1].pop("background") == 0
        assert per_class[0] == per_class[1]
    assert np.unique(class_mask(made[0])).size > 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demonstration_learns_and_the_exported_model_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo("SEMANTIC_SEGMENTATION", tmp_path / "run")
    assert result.metrics["miou"] > 0.4  # background alone is 0.08
    for name in ("miou", "dice", "accuracy"):
        assert result.metrics_exported[name] == pytest.approx(result.metrics[name], abs=0.002)
    assert result.parity["passed"]
