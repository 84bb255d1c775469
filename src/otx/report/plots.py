"""Curves and matrices as PNG files, from the result files of a run. Imports no torch, and matplotlib when it draws."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otx.core.label_info import LabelInfo

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOT_METRICS = {"epoch", "lr", "seconds", "images_per_second"}
MOST_NAMED = 10
"""More lines in a legend, or more numbers in a matrix than its square times four, cannot be told apart."""
LARGEST_COUNT = 99_999
"""Greater numbers, as of pixels, do not fit into the cells of a matrix: shares take their place."""
DPI = 110


def plot_training(metrics_csv: Path, folder: Path) -> list[Path]:
    """Draw how losses, validation metrics and learning rate went, from `metrics.csv`.

    Args:
        metrics_csv: One row per epoch; cells of epochs without validation are empty.
        folder: Gets `training.png`.

    Returns:
        The files written; none if the training has no epoch yet.
    """
    with metrics_csv.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows:
        return []
    names = [name for name in rows[0] if name]
    losses = [name for name in names if name.startswith(("train_loss", "loss_"))]
    metrics = [name for name in names if name not in NOT_METRICS and name not in [*losses, "pseudo_labelled"]]
    panels = [("loss", losses), ("validation", metrics), ("learning rate", [name for name in names if name == "lr"])]
    panels = [(title, columns) for title, columns in panels if columns]
    figure = _figure(8, 2.6 * len(panels))
    for place, (title, columns) in enumerate(panels, start=1):
        axes = figure.add_subplot(len(panels), 1, place)
        for index, name in enumerate(columns):
            epochs = [float(row["epoch"]) for row in rows if row[name]]
            values = [float(row[name]) for row in rows if row[name]]
            marker = "o" if len(values) < 30 else None  # A line through one point cannot be seen.
            axes.plot(epochs, values, label=name, color=_colour(index), marker=marker, markersize=3)
        _finish(axes, "epoch", title, legend=len(columns) > 1)
    return [_save(figure, folder / "training.png")]


def plot_curves(curves: Mapping[str, Any], labels: LabelInfo, folder: Path) -> list[Path]:
    """Draw what a metric has left for plots (`MetricResult.curves`), each entry by its shape.

    Args:
        curves: Name -> rows of counts (a confusion matrix: truth by prediction), or columns `{"x": [...], "y": [...]}`
            whose first one is the axis, or such columns per class.
        labels: Classes of the rows of a matrix.
        folder: Gets one PNG per entry, of its name.

    Returns:
        The files written; entries without any point are left out.

    Raises:
        ValueError: A matrix has not one row per label.
    """
    written = []
    for name, content in curves.items():
        if not content:
            continue
        if isinstance(content, Mapping):
            first = next(iter(content.values()))
            figure = _classes(name, content) if isinstance(first, Mapping) else _columns(name, content)
        else:
            figure = _matrix(name, content, labels.names)
        written.append(_save(figure, folder / f"{name}.png"))
    return written


def plot_search(trials: Sequence[Mapping[str, Any]], monitor: str, best_so_far: Sequence[float], path: Path) -> Path:
    """Draw the value of each trial, those that were ended early hollow, and the best so far.

    Args:
        trials: Each with `number`, `state` and `value`.
        monitor: What the value is of.
        best_so_far: After each completed trial.
        path: The PNG file.
    """
    figure, axes = _panel()
    for state, face in (("complete", _colour(0)), ("pruned", "none")):
        shown = [trial for trial in trials if trial["state"] == state and trial["value"] is not None]
        places, values = [trial["number"] for trial in shown], [trial["value"] for trial in shown]
        axes.scatter(places, values, label=state, facecolors=face, edgecolors=_colour(0))
    done = [trial["number"] for trial in trials if trial["state"] == "complete"]
    axes.step(done, best_so_far, where="post", label="best so far", color=_colour(1))
    axes.locator_params(axis="x", integer=True)
    _finish(axes, "trial", monitor, legend=True, title="search")
    return _save(figure, path)


def plot_shares(shares: Mapping[str, float], path: Path) -> list[Path]:
    """Draw a bar per name, the longest on top; no file where there is nothing to draw."""
    if not shares:
        return []
    figure, axes = _panel(height=1 + 0.4 * len(shares))
    names = sorted(shares, key=lambda name: shares[name])
    axes.barh(names, [shares[name] for name in names])
    _finish(axes, "share", "", legend=False, title=_words(path.stem))
    return [_save(figure, path)]


def _columns(name: str, columns: Mapping[str, Sequence[float]]) -> Figure:
    figure, axes = _panel()
    (x_name, x), *others = columns.items()
    for index, (y_name, y) in enumerate(others):
        axes.plot(x, y, label=y_name, color=_colour(index))
    _finish(axes, x_name, "", legend=len(others) > 1, title=_words(name))
    return figure


def _classes(name: str, classes: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """A line per class; with many of them, those that enclose the least area are named, the others grey."""
    figure, axes = _panel()
    by_area = sorted(classes, key=lambda label: sum(list(classes[label].values())[1]))
    named = set(by_area[:MOST_NAMED])
    x_name, y_name = list(next(iter(classes.values())))[:2]
    colours = {label: _colour(index) for index, label in enumerate(label for label in classes if label in named)}
    for label in reversed(by_area):
        x, y = list(classes[label].values())[:2]
        axes.plot(x, y, label=label if label in named else None, color=colours.get(label, "lightgrey"))
    title = _words(name) if len(named) == len(classes) else f"{_words(name)} (named: the {MOST_NAMED} lowest)"
    _finish(axes, x_name, y_name, legend=True, title=title)
    return figure


def _matrix(name: str, rows: Sequence[Sequence[int]], labels: Sequence[str]) -> Figure:
    size = len(rows)
    if size != len(labels):
        raise ValueError(f"{name}: expected {len(labels)} rows, one per label, got {size}")
    side = min(14.0, max(4.0, 1.5 + 0.42 * size))
    figure, axes = _panel(side + 1, side)
    shares = [[cell / max(1, sum(row)) for cell in row] for row in rows]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the true class", fraction=0.046)
    every = math.ceil(size / 40)
    places = range(0, size, every)
    axes.set_xticks(places, [labels[place] for place in places], rotation=90, fontsize=8)
    axes.set_yticks(places, [labels[place] for place in places], fontsize=8)
    axes.set(xlabel="predicted", ylabel="true", title=_words(name))
    if size <= 2 * MOST_NAMED:
        many = max(map(max, rows)) > LARGEST_COUNT
        for truth, row in enumerate(rows):
            for predicted, count in enumerate(row):
                share = shares[truth][predicted]
                text = f"{share:.0%}" if many else str(count)
                if count and text != "0%":
                    colour = "white" if share > 0.5 else "black"
                    axes.text(predicted, truth, text, ha="center", va="center", fontsize=7, color=colour)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    # Without pyplot: no window system, no state shared with the user's own plots.
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def _panel(width: float = 7, height: float = 4.5) -> tuple[Figure, Axes]:
    figure = _figure(width, height)
    return figure, figure.add_subplot()


def _finish(axes: Axes, x_name: str, y_name: str, *, legend: bool, title: str = "") -> None:
    axes.set(xlabel=_words(x_name), ylabel=_words(y_name), title=title)
    axes.grid(visible=True, alpha=0.3)
    if legend:
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _colour(index: int) -> str:
    # Not those of the pictures, some of which are too light for lines on white.
    return f"C{index % 10}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _save(figure: Figure, path: Path) -> Path:
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a label may have any characters, also $...$
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
