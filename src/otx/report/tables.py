"""Metrics as tables for the terminal; plain aligned text where there is none. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

BENCHMARK_DIGITS = {
    "latency_ms": 2, "batch_size": 0, "images_per_second": 1, "cpu_ms": 2, "speed_up": 2, "memory_mb": 0, "size_mb": 2,
}  # fmt: skip
MOST_CLASSES = 30
"""More rows help nobody on a terminal; the result file has them all."""


def metrics_table(
    columns: Mapping[str, Mapping[str, float]], first: str = "", intervals: Mapping[str, Sequence[float]] | None = None
) -> Table:
    """Metrics line by line, one column per model or subset.

    Args:
        columns: Heading -> metric name -> value.
        first: Metric on top.
        intervals: Low and high end by metric name, for a column of their own.
    """
    names = list(dict.fromkeys(name for values in columns.values() for name in values))
    table = plain_table("", *columns, *(["95 % interval"] if intervals else []))
    for name in sorted(names, key=lambda name: name != first):
        ends = [_ends(intervals.get(name))] if intervals else []
        table.add_row(name, *(number(values.get(name)) for values in columns.values()), *ends)
    return table


def compare_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Two models side by side, metric by metric, as `CompareResult.rows` has them."""
    table = plain_table("", "first", "second", "difference", "95 % interval", "significant")
    for row in rows:
        said = {True: "yes", False: "no", None: "-"}[row["significant"]]
        cells = number(row["first"]), number(row["second"]), f"{row['difference']:+.4f}", _ends(row["interval"])
        table.add_row(row["metric"], *cells, said)
    return table


def per_class_table(per_class: Mapping[str, Mapping[str, float]]) -> Table:
    """Classes line by line, metrics as columns; the classes with the lowest first metric on top."""
    metrics = list(dict.fromkeys(name for values in per_class.values() for name in values))
    table = plain_table("class", *metrics)
    worst_first = sorted(per_class, key=lambda label: per_class[label].get(metrics[0], 0.0) if metrics else 0.0)
    for label in worst_first[:MOST_CLASSES]:
        table.add_row(label, *(number(per_class[label].get(name)) for name in metrics))
    if len(worst_first) > MOST_CLASSES:
        table.add_row(f"... {len(worst_first) - MOST_CLASSES} better ones", *("" for _ in metrics))
    return table


def parity_table(parity: Mapping[str, Any]) -> Table:
    """The comparisons of a file, or of several, with the checkpoint, as `parity.json` has them."""
    table = plain_table("", "checkpoint", "exported", "drop", "allowed", "differs by", "ms/image", "images")
    for one in parity.get("comparisons", [parity]):
        metric = str(one.get("metric") or "metric not measured")
        times = one.get("milliseconds", {})
        table.add_row(
            f"{one['name']}: {metric}" if "comparisons" in parity else metric,
            number(one.get("reference")),
            number(one.get("exported")),
            _percent(one.get("drop_relative")),
            _percent(one.get("max_drop")),
            f"{max(one.get('outputs', {}).values(), default=0.0):.2g}",
            " -> ".join(f"{times[side]:.1f}" for side in ("reference", "exported") if side in times),
            str(one.get("images", "")),
        )
    return table


def tuning_table(default: Mapping[str, Any], best: Mapping[str, Any]) -> Table:
    """Values and settings of the recipe beside those of the best trial."""
    table = plain_table("", "recipe", "best trial")
    table.add_row("validation", number(default["value"]), number(best["value"]))
    table.add_row("held out, another seed", number(default["held_out"]), number(best["held_out"]))
    for key, value in default["values"].items():
        table.add_row(
            key, *(f"{one:.4g}" if isinstance(one, float) else str(one) for one in (value, best["values"][key]))
        )
    return table


def benchmark_table(rows: Sequence[Mapping[str, Any]], metric: str) -> Table:
    """The forms of a model line by line, as `benchmark.json` has them."""
    figures = ("latency ms", "batch", "images/s", "CPU ms", "x FP32 IR", "memory MB", "size MB")
    table = plain_table("", "device", *figures, metric, "drop")
    for row in rows:
        cells = [number(row.get(key), digits) for key, digits in BENCHMARK_DIGITS.items()]
        table.add_row(row["name"], row["device"], *cells, number(row.get("metric")), _percent(row.get("drop_relative")))
    return table


def number(value: float | None, digits: int = 4) -> str:
    """A figure with the digits that matter, by default those of a metric."""
    return "-" if value is None else f"{value:.{digits}f}"


def _ends(interval: Sequence[float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def plain_table(first: str, *headings: str) -> Table:
    """A table without lines: names on the left, the other columns flush right."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
