"""A run that is killed anywhere and goes on ends with the same bytes as one that was not."""

from __future__ import annotations

import errno
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_training
import torch
from safetensors import SafetensorError
from tiny_training import Accuracy, TinyData, tiny_model, tiny_settings

from otx.core.errors import OTXError, UserError
from otx.training.fit import fit
from otx.training.module import TrainingModule
from otx.training.settings import OptimizerSettings
from otx.training.state_file import read_state, write_state

Run = Callable[..., int]
KEPT = ("last.safetensors", "best.safetensors", "last.json", "best.json")


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Trains in a work dir in another process, and gives its exit status (-9 if it was killed)."""
    command = [sys.executable, tiny_training.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def order(folder: Path, **orders: Any) -> int:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps({"folder": str(folder), **orders}) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield order


def kept(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "checkpoints" / name).read_bytes() for name in KEPT}


def epochs(folder: Path) -> list[str]:
    return [line.split(",")[0] for line in (folder / "metrics.csv").read_text().splitlines()[1:]]


def losses(folder: Path) -> list[list[str]]:
    rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    shown = [i for i, name in enumerate(rows[0]) if name not in {"seconds", "images_per_second"}]
    return [[row[i] for i in shown] for row in rows]


@pytest.fixture(scope="module")
def unbroken(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    assert run(folder) == 0
    return folder


# An epoch has 7 training batches and 3 of validation; it writes 5 files by 10 flushes and 5 replacements.
MOMENTS = [
    "training_step:1",
    "training_step:10",
    "training_step:16",
    "validation_step:2",
    "validation_step:9",
    "on_save_checkpoint:1",
    "on_save_checkpoint:3",
    "_flush:1",
    "_flush:9",
    "replace:2",
    "replace:5",
    "replace:6",
    "replace:9",
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_resumed_is_as_good_as_unbroken(run: Run, unbroken: Path, tmp_path: Path, moment: str) -> None:
    assert run(tmp_path, kill_at=moment) == -9
    assert run(tmp_path, resume=True) == 0
    assert kept(tmp_path) == kept(unbroken)
    assert epochs(tmp_path) == ["1", "2", "3"]
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("moment", ["training_step:4", "training_step:12", "replace:6"])
def test_an_epoch_goes_on_in_its_middle(run: Run, unbroken: Path, tmp_path: Path, moment: str) -> None:
    assert run(tmp_path, kill_at=moment, save_seconds=0) == -9
    assert run(tmp_path, kill_at="training_step:3", save_seconds=0, workers=2, resume=True) == -9
    assert run(tmp_path, resume=True) == 0
    assert kept(tmp_path) == kept(unbroken)
    assert epochs(tmp_path) == ["1", "2", "3"]
    assert losses(tmp_path) == losses(unbroken)


def test_workers_and_another_kill_change_nothing(run: Run, unbroken: Path, tmp_path: Path) -> None:
    assert run(tmp_path, kill_at="training_step:9", workers=2) == -9
    assert run(tmp_path, kill_at="validation_step:2", workers=1, resume=True) == -9
    assert run(tmp_path, resume=True) == 0
    assert kept(tmp_path) == kept(unbroken)


def test_pseudo_labels_are_the_same_after_a_kill(run: Run, unbroken: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "whole", unlabeled=True) == 0
    assert run(tmp_path / "killed", unlabeled=True, kill_at="training_step:12", save_seconds=0) == -9
    assert run(tmp_path / "killed", unlabeled=True, kill_at="validation_step:2", resume=True) == -9
    assert run(tmp_path / "killed", unlabeled=True, resume=True) == 0
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert kept(tmp_path / "whole") != kept(unbroken)


def test_resuming_a_finished_run_changes_nothing(run: Run, unbroken: Path, tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    assert run(tmp_path, resume=True) == 0
    assert kept(tmp_path) == kept(unbroken)


@pytest.mark.slow
def test_dozens_of_kills_at_random_times(run: Run, unbroken: Path, tmp_path: Path) -> None:
    chance = random.Random(0)
    started = time.monotonic()
    assert run(tmp_path / "timed") == 0
    whole = time.monotonic() - started
    kills = 0
    for attempt in range(30):
        folder = tmp_path / str(attempt)
        for _ in range(3):
            kills += run(folder, resume=True, kill_after=chance.uniform(0.05, 0.7) * whole, save_seconds=0.05) == -9
        assert run(folder, resume=True) == 0
        assert kept(folder) == kept(unbroken)
    assert kills >= 24


def train(folder: Path, **changes: Any) -> Any:
    settings, data = tiny_settings(**changes.pop("settings", {})), changes.pop("data", TinyData())
    arguments = {"model_name": "tiny/classifier", "monitor": "confidence", "show": False} | changes
    return fit(tiny_model(), data, Accuracy(), settings, folder, **arguments)


def test_a_work_dir_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path)
    before = kept(tmp_path)
    with pytest.raises(UserError, match="--resume"):
        train(tmp_path)
    assert kept(tmp_path) == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "gone"])
def test_a_damaged_state_loses_an_epoch_and_two_damaged_ones_are_refused(
    unbroken: Path, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path, seed=5)
    states = [tmp_path / "checkpoints" / name for name in ("resume.safetensors", "resume.previous.safetensors")]
    _damage(states[0], damage)
    train(tmp_path, seed=5, resume=True)
    assert "going on from resume.previous.safetensors" in caplog.text
    assert kept(tmp_path) == kept(unbroken)
    if damage != "gone":
        for state in states:
            _damage(state, damage)
        with pytest.raises(UserError, match=r"resume\.safetensors is damaged"):
            train(tmp_path, seed=5, resume=True)


def _damage(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes({"truncated": content[:-1000], "flipped": content}.get(damage, b""))
    if damage == "gone":
        path.unlink()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), SafetensorError("I/O: (os error 28)")])
def test_a_full_disk_is_said_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise error

    train(tmp_path, seed=5, settings={"max_epochs": 1})
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr("otx.training.state_file.save_file", full)
        with pytest.raises(OTXError, match=r"disk is full.*Nothing that was there is lost.*--resume"):
            write_state(tmp_path / "checkpoints" / "resume.safetensors", {"a": torch.ones(1)})
    assert {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "seed: was 0, is 1"),
        ({"model_name": "other/model"}, "model: was 'tiny/classifier', is 'other/model'"),
        ({"settings": {"optimizer": OptimizerSettings(lr=1.0)}}, "training.optimizer.lr: was 0.01, is 1.0"),
    ],
)
def test_another_run_is_not_gone_on_with(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    train(tmp_path, settings={"max_epochs": 1})
    with pytest.raises(UserError, match=told):
        train(tmp_path, resume=True, **change)


def test_more_epochs_than_first_planned(tmp_path: Path) -> None:
    train(tmp_path, settings={"max_epochs": 1})
    result = train(tmp_path, resume=True, settings={"max_epochs": 2})
    assert result.epochs_done == 2
    assert epochs(tmp_path) == ["1", "2"]
    with pytest.raises(UserError, match="2 epochs are done or begun already, more than the 1"):
        train(tmp_path, resume=True, settings={"max_epochs": 1})


def test_smaller_batches_that_make_the_same_step_go_on_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otx.training.keeper.SAVE_SECONDS", 0)
    seen: list[tuple[int, ...]] = []
    original = TrainingModule.training_step

    def step(module: TrainingModule, batch: Any, batch_idx: int) -> Any:
        seen.append(tuple(info.index for info in batch.imgs_info))
        if len(seen) == 4 and batch.batch_size == 4:
            raise MemoryError
        return original(module, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", step)
    with pytest.raises(MemoryError):
        train(tmp_path, settings={"accumulate": 1})
    *done, failed = seen
    train(tmp_path, settings={"accumulate": 2}, data=TinyData(batch_size=2), resume=True)
    smaller = seen[len(done) + 1 :]
    assert smaller[0] + smaller[1] == failed
    first = [image for batch in done + smaller[: 13 - 2 * len(done)] for image in batch]
    assert sorted(first) == list(range(26))
    assert read_state(tmp_path / "checkpoints" / "resume.safetensors")["global_step"] == 3 * 7
    assert epochs(tmp_path) == ["1", "2", "3"]


def test_batches_that_make_another_step_are_not_gone_on_with(tmp_path: Path) -> None:
    train(tmp_path, settings={"max_epochs": 1, "accumulate": 2})
    with pytest.raises(UserError, match="batches in an epoch: was 7, is 13"):
        train(tmp_path, settings={"max_epochs": 1, "accumulate": 2}, data=TinyData(batch_size=2), resume=True)
    with pytest.raises(UserError, match=r"training.accumulate: was 2, is 4"):
        train(tmp_path, settings={"max_epochs": 1, "accumulate": 4}, resume=True)


def test_another_number_of_threads_is_noted(tmp_path: Path) -> None:
    train(tmp_path, settings={"max_epochs": 1})
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        train(tmp_path, resume=True, settings={"max_epochs": 1})
    finally:
        torch.set_num_threads(threads)
    assert f"threads was {threads}, is {threads + 1}" in (tmp_path / "train.log").read_text()


def test_no_pickle_is_ever_written_or_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError

    for name in ("save", "load"):
        monkeypatch.setattr(torch, name, refuse)
    for name in ("dump", "dumps", "load", "loads"):
        monkeypatch.setattr(f"pickle.{name}", refuse)
    train(tmp_path, settings={"max_epochs": 1})
    train(tmp_path, resume=True, settings={"max_epochs": 2})
