"""Videos, and folders of frames, from the data root to predictions of an exported model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.generated import Picture, write_frames, write_videos

from otx.core.errors import UserError
from otx.engine import Engine
from otx.tasks.action_classification.demo import write_demo

pytestmark = pytest.mark.framework("torchvision")

MADE = [
    Picture(f"{subset}{number}", subset, 32, 48, label="cat" if number % 2 else "dog")
    for subset, count in (("train", 4), ("val", 2), ("test", 2))
    for number in range(count)
]
SETTINGS = {"data.workers": 0, "model.input_size": [32, 32], "training.precision": "32", "training.channels_last": True}


@pytest.mark.parametrize("write", [write_videos, write_frames])
def test_train_export_predict(tmp_path: Path, write: Callable[..., object]) -> None:
    write(tmp_path / "data", MADE)
    engine = Engine(tmp_path / "data", work_dir=tmp_path / "run", pretrained=False, settings=SETTINGS)
    trained = engine.train(max_epochs=1)
    assert trained.task == "ACTION_CLASSIFICATION"
    exported = engine.export()
    tested, tested_ir = engine.test(), engine.test(exported.model)
    assert tested_ir.metrics == pytest.approx(tested.metrics, abs=0.002)
    records = []
    for source in (tmp_path / "data" / "test", f"{tmp_path}/data/test/*/*"):
        for checkpoint in (None, exported.model):
            predicted = engine.predict(source, checkpoint)
            records.append(json.loads(predicted.predictions.read_text()))
    assert [Path(record["image"]).stem for record in records[0]] == ["test1", "test0"]
    assert (records[0][0]["width"], records[0][0]["height"]) == (48, 32)
    for other in records[1:]:
        for ours, theirs in zip(records[0], other, strict=True):
            assert ours["image"] == theirs["image"]
            scores = [{entry["label"]: entry["score"] for entry in one["labels"]} for one in (ours, theirs)]
            assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    assert {path.name for path in (tmp_path / "run" / "predict").glob("*.jpg")} == {"test0.jpg", "test1.jpg"}
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="expected a video file, a folder of them or a glob pattern"):
        engine.predict(tmp_path / "nothing")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_is_learned(tmp_path: Path) -> None:
    write_demo(tmp_path / "data")
    recipe = "demo/action_classification"
    engine = Engine(
        tmp_path / "data", work_dir=tmp_path / "run", config=recipe, pretrained=False, settings={"data.workers": 0}
    )
    engine.train()
    tested = engine.test()
    assert tested.metrics["accuracy"] > 0.9  # chance: 0.17
    exported = engine.export()
    assert engine.test(exported.model).metrics == pytest.approx(tested.metrics, abs=0.002)
