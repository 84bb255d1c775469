"""Finds a batch that fits in memory, by a trial in a process of its own, which the system may kill without harm.

    python -m otx.engine.ram PLAN_FILE GIB

does the trial: training steps, a validation batch and an export, each with all that training keeps beside it.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec
from otx.engine.memory import halve_batch
from otx.recipes.plan import Plan
from otx.training.ram import GIB, available, peak, resident

logger = logging.getLogger(__name__)

LIBRARIES = 2.0
"""GiB that a process has with all its libraries and data, and then some."""
PER_PIXEL = 8192
"""Bytes that a network keeps for each pixel of a batch at most: efficientnet_b0 keeps 2200."""
PER_PARAMETER = 20
"""Bytes for each weight: itself, its gradient, two moments and an average."""
SHARE = 0.95
"""Of the limit that a trial may take: a run draws and writes besides."""
TOO_MUCH = 9
"""Exit status of a trial that took more than its limit, as after a SIGKILL."""
STEPS = 2
"""Of a trial: the second finds the memory as the first left it."""
LOOK = 0.02
"""Seconds between two looks at the memory of a trial."""


def fit_ram(plan: Plan, row: ModelRow, spec: InputSpec) -> None:
    """Halve the batch of a plan until it fits in the memory that the user gave, or that is free.

    Nothing is tried where the user gave none and far more is free than such a batch can need.

    Args:
        plan: Configured, for data in a folder.
        row: Of the model.
        spec: Its input.

    Raises:
        OTXError: A single image takes more.
    """
    given = float(plan["training.ram"])
    limit = given or available()
    if not given and limit >= worst_case(plan, spec) + row.parameters * PER_PARAMETER / GIB:
        return
    while not (took := _try(plan, limit * SHARE)) <= limit * SHARE:
        halve_batch(plan, f"took more than the {limit:.1f} GiB {'given' if given else 'free'}, in a trial")
    if took:
        batch = plan["data.batch_size"]
        logger.info("memory    batches of %s took %.1f GiB of %.1f in a process that tried them", batch, took, limit)


def worst_case(plan: Plan, spec: InputSpec) -> float:
    """GiB that a training needs at most, but for its weights."""
    pixels = int(plan["data.batch_size"]) * spec.height * spec.width * spec.frames
    return LIBRARIES + pixels * PER_PIXEL / GIB


def _try(plan: Plan, limit: float) -> float:
    """GiB that a training by this plan takes at its peak; infinite if that is more than the limit."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.yaml"
        plan.write(file)
        command = [sys.executable, "-m", "otx.engine.ram", str(file), str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode == 0:
        return float(done.stdout.splitlines()[-1])
    if done.returncode in (TOO_MUCH, -TOO_MUCH):
        return math.inf
    # Something else is wrong, which the training itself will tell of better.
    last = done.stderr.strip().rpartition("\n")[2]
    logger.warning("how much memory a batch takes is not known, the trial failed: %s", last)
    return 0.0


def _trial(plan: Plan, folder: Path) -> None:
    import torch

    from otx.deploy.export import export
    from otx.engine.configure import configure
    from otx.engine.reading import make_datamodule, read_data
    from otx.frameworks.build import build_model
    from otx.training.allocator import keep_freed_memory
    from otx.training.average import WeightAverage
    from otx.training.evaluate import predict
    from otx.training.module import is_trained, lay_channels_last
    from otx.training.optimizer import build_optimizer

    keep_freed_memory()
    data = read_data(plan)
    row, input_spec = configure(plan, data, None)
    assert row is not None, "models of the catalog only"
    model, _ = build_model(row, data.index.labels, input_spec, pretrained=False)
    datamodule = make_datamodule(plan, data, input_spec)
    settings = plan.settings().training
    lay_channels_last(model)
    optimizer = build_optimizer(model, settings.optimizer)
    average = WeightAverage(model, settings.ema_decay) if settings.ema_decay else None
    model.train()
    # What is fitted in one pass keeps something of every image.
    for batch in islice(datamodule.loader("train", train=True), STEPS if is_trained(model) else None):
        losses = model(batch)
        if losses.losses and optimizer:
            torch.autograd.backward(losses.total)
            optimizer.step()
            optimizer.zero_grad()
    model.finish_epoch()
    if average:
        average.update()
    next(predict(model, datamodule.loader("val", train=False)), None)
    if row.exportable:
        export(model, folder / "model.xml")


def _end_above(limit: float) -> None:
    while True:
        if resident() > limit:
            os._exit(TOO_MUCH)
        time.sleep(LOOK)


def main(words: list[str]) -> None:
    """Try the plan of a file, and print the GiB that it took."""
    threading.Thread(target=_end_above, args=(float(words[1]),), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        _trial(Plan.read(Path(words[0])), Path(folder))
    print(peak())  # noqa: T201 - the answer


if __name__ == "__main__":
    main(sys.argv[1:])
