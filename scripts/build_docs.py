"""Writes the pages of `docs/` that are tables of what the code says: of its models and of its tasks.

With `--check` it writes nothing, says which pages are not up to date, and fails if any is not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from otx.core.catalog import ModelRow, by_tasks
from otx.core.task import TaskSpec
from otx.frameworks import catalog
from otx.tasks import task_specs

DOCS = Path(__file__).resolve().parents[1] / "docs"
FLAGS = ("exportable", "quantizable", "explainable", "tileable")
WRITTEN_BY = "<!-- Written by scripts/build_docs.py (make docs) from the code; do not edit. -->"
MODELS = f"""\
# Models

{WRITTEN_BY}

`otx find` lists these too. `otx train --model NAME` takes one of them. Any other classifier that timm or torchvision
knows works as well (`timm/NAME`, `torchvision/NAME`), and so does a class in a file
([add-a-model.md](add-a-model.md)).

Parameters are those with the head of the pretrained weights. Size is the height and width of the default input. The
column `code` has the licence of the code, `weights` that of the weights. The last column: e can be exported to OpenVINO
and ONNX, q can be quantized, x can be explained by maps, t may be run on tiles.
"""
TASKS = f"""\
# Tasks

{WRITTEN_BY}

The task is found from the content of the data; `--task NAME` overrules. The formats are described in
[data-formats.md](data-formats.md). The first metric decides which checkpoint is the best. A default model is trained
where none is named: the first from its pretrained weights, the second with `--pretrained false`.

The last columns count the models of [models.md](models.md): how many there are, and how many of them can be exported,
quantized to INT8, explained by maps, and run on tiles. The conformance kit (`otx.testing`) holds each of them to
what its row says.

"""
MODEL_HEADINGS = ("name", "parameters", "size", "code", "weights", "trained on", "extra", "can be")
TASK_HEADINGS = (
    *("name", "task", "formats", "metrics", "default, pretrained", "default, from scratch"),
    *("models", "export", "INT8", "explain", "tiling"),
)


def models_page(rows: Iterable[ModelRow], specs: Iterable[TaskSpec]) -> str:
    """The catalog as one table for the models that serve the same tasks.

    Args:
        rows: Those of OTX itself.
        specs: The tasks, for headings and default models.
    """
    titles = {spec.task: spec.title for spec in specs}
    tables = {", ".join(titles[task] for task in tasks): own for tasks, own in by_tasks(rows).items()}
    parts = [
        f"\n## {title}\n\n{_table(MODEL_HEADINGS, [_model_cells(row) for row in own])}"
        for title, own in sorted(tables.items())
    ]
    return "".join([MODELS, *parts])


def _model_cells(row: ModelRow) -> list[str]:
    height, width = row.input_spec.size
    weights = row.weights
    return [
        f"`{row.name}`",
        f"{row.parameters / 1e6:.1f} M",
        f"{height} x {width}",
        row.licence,
        weights.licence if weights else "none",
        weights.trained_on if weights else "",
        f"`{row.extra}`" if row.extra else "",
        "".join(letter if getattr(row, flag) else "-" for flag, letter in zip(FLAGS, "eqxt", strict=True)),
    ]


def tasks_page(rows: Iterable[ModelRow], specs: Iterable[TaskSpec]) -> str:
    """The tasks that can be trained, and what their models can do, as one table.

    Args:
        rows: Those of OTX itself.
        specs: The tasks.
    """
    models = list(rows)
    lines = [
        [
            f"`{spec.task}`",
            spec.title,
            ", ".join(f"`{name}`" for name in spec.formats),
            ", ".join(f"`{name}`" for name in spec.metrics),
            f"`{spec.default_model}`",
            f"`{spec.default_model_from_scratch}`",
            *_abilities([row for row in models if row.task == spec.task]),
        ]
        for spec in sorted(specs, key=lambda spec: spec.title)
    ]
    return TASKS + _table(TASK_HEADINGS, lines)


def _abilities(rows: Sequence[ModelRow]) -> list[str]:
    counts = [sum(getattr(row, flag) for row in rows) for flag in FLAGS]
    return [str(len(rows)), *(str(count) if count else "none" for count in counts)]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def pages() -> dict[str, str]:
    """File name -> content."""
    specs = [spec for spec in task_specs().values() if spec.model.startswith("otx.")]
    rows = [row for row in catalog() if row.adapter.startswith("otx.")]
    return {"models.md": models_page(rows, specs), "tasks.md": tasks_page(rows, specs)}


def main(check: bool) -> int:
    """Write or compare the pages.

    Args:
        check: Only compare.

    Returns:
        Exit status.
    """
    stale = {name: text for name, text in pages().items() if not _is_current(DOCS / name, text)}
    for name, text in stale.items():
        if not check:
            (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name} {'is not up to date: make docs' if check else 'written'}")
    return 1 if check and stale else 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
