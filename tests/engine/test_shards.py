"""A run on shards is the run on the files: the same weights, also when it was interrupted, the same measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.generated import pictures, write_image_folders

from otx.cli.main import main
from otx.engine import Engine
from otx.training.fit import InterruptedTrainingError
from otx.training.module import TrainingModule

pytest.importorskip("litdata", reason="pip install 'otx[shards]'")

SETTINGS = {
    "training.precision": "32",
    "training.channels_last": False,
    "model.input_size": [32, 32],
    "data.batch_size": 4,
    "data.workers": 2,
}
KEPT = ("last.safetensors", "best.safetensors", "last.json", "best.json")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_image_folders(folder / "data", pictures({"train": 14, "test": 4}, negatives=False))
    return folder


@pytest.fixture(scope="module")
def on_files(place: Path) -> Engine:
    made = engine(place, "data", "on-files")
    made.train(max_epochs=2)
    return made


@pytest.fixture(scope="module")
def shards(place: Path) -> Path:
    result = Engine(place / "data").shard(place / "shards")
    assert (result.pictures, result.files, result.data_root) == (18, 0, place / "shards")
    return result.data_root


def engine(place: Path, data: str, run: str) -> Engine:
    return Engine(place / data, pretrained=False, work_dir=place / run, settings=SETTINGS)


def kept(run: Path) -> dict[str, bytes]:
    return {name: (run / "checkpoints" / name).read_bytes() for name in KEPT}


def test_the_weights_are_the_same_and_so_is_all_that_follows(place: Path, on_files: Engine, shards: Path) -> None:
    made = engine(place, shards.name, "on-shards")
    run = made.train(max_epochs=2).work_dir
    assert kept(run) == kept(place / "on-files")
    assert (run / "data/split.json").read_text() == (place / "on-files/data/split.json").read_text()
    measured, known = made.test(), on_files.test()
    assert measured.metrics == known.metrics
    there, here = ({path.name for path in (place / name).rglob("*.png")} for name in ("on-files", "on-shards"))
    assert there == here != set()
    assert made.explain(shards / "test").work_dir == run


def test_predictions_are_the_same(place: Path, on_files: Engine, shards: Path) -> None:
    def records(folder: Path) -> list[dict[str, Any]]:
        result = on_files.predict(folder / "test")
        assert len(list(result.pictures.glob("*.jpg"))) + len(list(result.pictures.glob("*.png"))) >= 4
        found = json.loads(result.predictions.read_text())
        return [record | {"image": str(Path(record["image"]).relative_to(folder))} for record in found]

    assert records(shards) == records(place / "data")
    one = min(path.relative_to(place / "data") for path in (place / "data" / "test").rglob("*.*"))
    assert on_files.predict(shards / one).images == 1


def test_an_interrupted_run_goes_on_to_the_same_weights(
    place: Path, on_files: Engine, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, count = TrainingModule.training_step, iter(range(100))

    def interrupted(self: TrainingModule, *arguments: Any) -> Any:
        if next(count) == 4:
            raise KeyboardInterrupt
        return step(self, *arguments)

    made = engine(place, shards.name, "interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", interrupted)
        with pytest.raises(InterruptedTrainingError):
            made.train(max_epochs=2)
    made.train(max_epochs=2, resume=True)
    assert next(count) == 5
    assert kept(place / "interrupted") == kept(place / "on-files")


def test_the_command_says_where_the_result_is(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit, match="0"):
        main(["shard", "--data_root", "data", "--output", "by command"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("shards    18 pictures in 1 shard, 0 other files copied; 0.0 MiB in ")
    assert lines[1:] == ["data set  by command", "next      otx train --data_root 'by command'"]
