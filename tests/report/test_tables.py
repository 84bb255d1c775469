"""Tables for the terminal."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Table

from otx.report.tables import metrics_table, parity_table, per_class_table


def text(table: Table, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    Console(width=200).print(table)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_metrics_of_two_models_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    table = metrics_table({"torch": {"map": 0.5, "map_50": 0.75}, "IR": {"map": 0.49, "f1": 1.0}}, first="map_50")
    assert text(table, capsys) == [
        ["torch", "IR"],
        ["map_50", "0.7500", "-"],
        ["map", "0.5000", "0.4900"],
        ["f1", "-", "1.0000"],
    ]


def test_the_worst_classes_are_on_top_and_many_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    per_class = {f"c{index}": {"ap": 1 - index / 100} for index in range(40)}
    lines = text(per_class_table(per_class), capsys)
    assert lines[1] == ["c39", "0.6100"]
    assert lines[-1] == ["...", "10", "better", "ones"]


def test_parity_reads_as_a_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    parity = {
        "metric": "map",
        "reference": 0.5,
        "exported": 0.499,
        "drop_relative": 0.002,
        "max_drop": 0.01,
        "images": 9,
    }
    assert text(parity_table(parity), capsys)[1] == ["map", "0.5000", "0.4990", "0.20%", "1.00%", "0", "9"]
    timed = parity | {
        "name": "INT8",
        "outputs": {"logits": 0.1234, "boxes": 0.01},
        "milliseconds": {"reference": 4.0, "exported": 1.0},
    }
    lines = text(parity_table(parity | {"comparisons": [parity | {"name": "FP32"}, timed]}), capsys)
    assert [line[0] for line in lines[1:]] == ["FP32:", "INT8:"]
    assert lines[2][-5:] == ["0.12", "4.0", "->", "1.0", "9"]
    unmeasured = dict.fromkeys(parity) | {"images": 9}
    assert "-" in text(parity_table(unmeasured), capsys)[1]
