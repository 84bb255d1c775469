"""`otx demo`: the whole way from a data set made on the spot to predictions of an exported model, offline."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from otx.core.errors import UserError
from otx.core.task import TaskSpec
from otx.engine.engine import Engine
from otx.engine.results import DemoResult
from otx.recipes.files import recipe_names
from otx.tasks import task_spec
from otx.training.fit import InterruptedTrainingError

HOME = Path("otx-demo")

T = TypeVar("T")


def write_demo_data(task: str, root: Path) -> None:
    """Write the demonstration set of a task; the same files each time.

    Args:
        task: Name of the task.
        root: The folder to write; it must be new or empty.

    Raises:
        UserError: The folder holds something, or there is no such task.
    """
    spec = task_spec(task)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"expected a new or empty folder for the demonstration set, found files in {root}")
    spec.load("demo")(root)


def demo(task: str, work_dir: Path | None = None) -> DemoResult:
    """Make the data set, train from scratch, test, export with proof, test the exported model, predict with it.

    The settings stand in `otx/recipes/demo/`, so that each machine shows the same.

    Args:
        task: Name of the task.
        work_dir: Where the run is written; None makes a new folder in `otx-demo/`.

    Raises:
        OTXError: A step failed, above all: the exported model does not predict like the trained one.
        InterruptedTrainingError: By Ctrl-C or SIGTERM; the epochs that are kept can be gone on with.
    """
    spec = task_spec(task)
    seconds: dict[str, float] = {}
    slug = spec.task.lower()
    data_root = HOME / f"{slug}-data"
    _timed(seconds, "write data", lambda: spec.load("demo")(data_root))
    folder = work_dir or HOME / f"{slug}-{time.strftime('%Y%m%d_%H%M%S')}"
    engine = Engine(
        data_root, task=str(spec.task), work_dir=folder, config=_recipe(spec), pretrained=False, device="cpu"
    )
    try:
        trained = _timed(seconds, "train", engine.train)
    except InterruptedTrainingError as stopped:
        how = f"Go on with the training alone: otx train --work_dir {folder} --resume"
        raise InterruptedTrainingError(stopped.epochs, f"kept in {folder}. {how}") from stopped
    tested = _timed(seconds, "test checkpoint", engine.test)
    exported = _timed(seconds, "export and compare", engine.export)
    tested_ir = _timed(seconds, "test OpenVINO IR", lambda: engine.test(exported.model))
    pictures = next(folder for folder in sorted(data_root.rglob("test")) if folder.is_dir())
    predicted = _timed(seconds, "predict with IR", lambda: engine.predict(pictures, exported.model))
    return DemoResult(
        work_dir=trained.work_dir,
        task=str(spec.task),
        model=trained.model,
        data_root=data_root.absolute(),
        metrics={name: tested.metrics[name] for name in spec.metrics if name in tested.metrics},
        metrics_exported={name: tested_ir.metrics[name] for name in spec.metrics if name in tested_ir.metrics},
        parity=exported.parity,
        seconds=seconds,
        exported=exported.model,
        predictions=predicted.predictions,
        pictures=predicted.predictions.parent,
        plots=trained.work_dir / "plots",
    )


def _recipe(spec: TaskSpec) -> str | None:
    name = f"demo/{spec.recipe}"
    return name if name in recipe_names() else None


def _timed(seconds: dict[str, float], step: str, work: Callable[[], T]) -> T:
    began = time.perf_counter()
    result = work()
    seconds[step] = round(time.perf_counter() - began, 2)
    return result
