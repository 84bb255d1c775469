"""A difference between two tests is weighed on pairs, and tests that make no pairs are refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from otx.core.errors import UserError
from otx.engine import Engine


def write(folder: Path, draws: Sequence[float], *, images_id: str = "a", metric: str = "map") -> Path:
    (folder / "test").mkdir(parents=True)
    metrics = {metric: float(np.mean(draws))}
    (folder / "test" / "metrics.json").write_text(json.dumps({"split": "test", "images": 9, "metrics": metrics}))
    kept = {"images_id": images_id, "metrics": metrics, "draws": {metric: list(draws)}}
    (folder / "test" / "draws.json").write_text(json.dumps(kept))
    return folder


def test_pairs_show_what_intervals_beside_each_other_hide(tmp_path: Path) -> None:
    draws = np.linspace(0.4, 0.6, 101)
    better = write(tmp_path / "better", draws + 0.02 + 0.01 * np.sin(draws * 999))
    result = Engine().compare(write(tmp_path / "a", draws), better / "test" / "metrics.json")
    (row,) = result.rows
    assert row["significant"] is True
    assert 0 < row["interval"][0] < row["difference"] < row["interval"][1] < 0.04


def test_chance_is_called_chance(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one, other = (write(tmp_path / name, 0.5 + 0.1 * rng.normal(size=500)) for name in "ab")
    assert Engine().compare(one, other).rows[0]["significant"] is False


def test_tests_on_other_images_are_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a", [0.5]), write(tmp_path / "b", [0.5], images_id="b")
    with pytest.raises(UserError, match=r"same images.*Test both again"):
        Engine().compare(one, other)


def test_a_run_without_a_test_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="otx test"):
        Engine().compare(write(tmp_path / "a", [0.5]), tmp_path)


def test_draws_of_an_earlier_test_are_not_taken_for_those_of_this(tmp_path: Path) -> None:
    one = write(tmp_path / "a", [0.5])
    (one / "test" / "metrics.json").write_text(json.dumps({"split": "test", "images": 9, "metrics": {"map": 0.6}}))
    with pytest.raises(UserError, match="no draws"):
        Engine().compare(one, one)


def test_one_seed_is_no_repetition(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 2"):
        Engine(tmp_path).train_seeds(1)
