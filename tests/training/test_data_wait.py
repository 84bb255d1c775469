"""What bounds a training is measured in its first epoch and said once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tiny_training

from otx.training import data_wait
from otx.training.data_wait import DataWait


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its only element is the time."""
    now = [1.0]
    monkeypatch.setattr(data_wait.time, "perf_counter", lambda: now[0])
    return now


def epoch(watch: DataWait, clock: list[float], loading: float, computing: float, validating: float = 50.0) -> None:
    watch.on_train_epoch_start(None, None)
    for _ in range(3):
        clock[0] += loading
        watch.on_train_batch_start()
        clock[0] += computing
        watch.on_train_batch_end()
    clock[0] += validating
    watch.on_train_epoch_end(None, None)


def test_the_first_epoch_decides_and_validation_does_not_count(clock: list[float]) -> None:
    lines: list[str] = []
    watch = DataWait(lines.append, 0, cores=2)
    epoch(watch, clock, loading=1.0, computing=9.0)
    epoch(watch, clock, loading=9.0, computing=1.0)
    assert lines == ["compute-bound: 10% of the time goes into reading the images"]


@pytest.mark.parametrize(
    ("workers", "cores", "share", "helps"),
    [
        (0, 16, 0.71, "3 loading processes would help (--set data.workers=3, now 0)"),
        (4, 16, 0.5, "8 loading processes would help (--set data.workers=8, now 4)"),
        (4, 16, 0.9, "8 loading processes would help (--set data.workers=8, now 4)"),
        (8, 16, 0.9, "smaller image files or fewer steps of augmentation would help"),
        (0, 2, 0.9, "smaller image files or fewer steps of augmentation would help"),
        (0, 16, 1.0, "8 loading processes would help (--set data.workers=8, now 0)"),
    ],
)
def test_what_helps_is_what_the_machine_has(workers: int, cores: int, share: float, helps: str) -> None:
    line = DataWait(print, workers, cores).verdict(share)
    assert line == f"data-bound: {share:.0%} of the time goes into reading the images; {helps}"


def test_a_training_says_it_once(tmp_path: Path) -> None:
    tiny_training.train(tmp_path)
    assert len(re.findall("(compute|data)-bound: ", (tmp_path / "train.log").read_text())) == 1
