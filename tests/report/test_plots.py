"""Plots are drawn from result files by the shape of what is in them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from otx.core.label_info import LabelInfo
from otx.report.plots import plot_curves, plot_training


def write_metrics(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("epochs", [1, 60])
def test_training_is_drawn_with_epochs_that_were_not_validated(tmp_path: Path, epochs: int) -> None:
    rows = [
        {"epoch": n, "train_loss": 2 / n, "loss_box": 1 / n, "lr": 1e-3 / n, "seconds": 3.0}
        | ({"map": 0.5} if n % 2 else {})
        for n in range(1, epochs + 1)
    ]
    (written,) = plot_training(write_metrics(tmp_path / "metrics.csv", rows), tmp_path / "plots")
    assert written == tmp_path / "plots" / "training.png"
    assert 10_000 < written.stat().st_size < 150_000
    assert Image.open(written).width > 600


def test_a_training_without_an_epoch_has_no_plot(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,train_loss,lr\n")
    assert plot_training(tmp_path / "metrics.csv", tmp_path) == []


def ink(path: Path) -> int:
    """Number of different colours, a measure of how much there is to see."""
    return len(Image.open(path).convert("RGB").getcolors(1 << 24) or [])


@pytest.mark.parametrize("classes", [2, 12, 120])
def test_every_shape_of_curve_is_drawn(tmp_path: Path, classes: int) -> None:
    labels = LabelInfo(tuple(f"class {index}" for index in range(classes)))
    x = [index / 20 for index in range(21)]
    curves = {
        "confusion_matrix": [[10 * (row == column) + 1 for column in range(classes)] for row in range(classes)],
        "f1_by_threshold": {"threshold": x, "precision": x, "recall": x[::-1]},
        "precision_recall": {name: {"recall": x, "precision": x[::-1]} for name in labels.names},
        "nothing_found": {},
    }
    written = plot_curves(curves, labels, tmp_path)
    assert [path.name for path in written] == ["confusion_matrix.png", "f1_by_threshold.png", "precision_recall.png"]
    assert all(ink(path) > 50 for path in written)
    assert all(max(Image.open(path).size) < 1800 for path in written)


def test_a_matrix_that_does_not_fit_the_labels_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="confusion_matrix: expected 2 rows, one per label, got 3"):
        plot_curves({"confusion_matrix": [[1, 0, 0]] * 3}, LabelInfo(("a", "b")), tmp_path)


def test_labels_are_no_formulas(tmp_path: Path) -> None:
    labels = LabelInfo(("$\\frac$", "5 $ and $^$"))
    curve = {"x": [0, 1], "y": [0, 1]}
    curves = {"confusion": [[3, 1], [0, 2]], "per_class": dict.fromkeys(labels.names, curve)}
    assert len(plot_curves(curves, labels, tmp_path)) == 2
