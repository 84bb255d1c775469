"""`otx test`: metrics of a checkpoint or an exported model on a subset."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

from otx.core.bootstrap import bootstrap, interval
from otx.core.errors import UserError
from otx.data.datamodule import OTXDataModule
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.pictures import draw_pairs
from otx.engine.pixels import require_pixels
from otx.engine.reading import ReadData, make_datamodule, read_data
from otx.engine.results import TestResult
from otx.engine.workspace import Workspace
from otx.recipes.plan import Plan
from otx.report.plots import plot_curves
from otx.training.device import resolve_device
from otx.training.evaluate import evaluate


def test(given: Given, checkpoint: Path | None, split: str) -> TestResult:
    """Measure, write `test/metrics.json` and draw truth beside prediction.

    Args:
        given: Knows the work dir and the data root.
        checkpoint: The model file; None takes the best checkpoint of the work dir.
        split: The subset.

    Raises:
        UserError: There is no such model or subset.
    """
    began = time.perf_counter()
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given)
    data, datamodule = data_for(given, workspace, opened)
    items = next((items for name, items in data.index.subsets.items() if name == split), ())
    if not items:
        has = ", ".join(f"{name} ({len(items)})" for name, items in data.index.subsets.items())
        raise UserError(f"the data set has no images in subset {split!r}; it has {has}")
    device = "cpu" if opened.exported else str(resolve_device(given.plan()["device"]))
    metric = opened.spec.load("metric")(opened.model.label_info)
    result = evaluate(opened.model, datamodule.loader(split, train=False), metric, device)
    draws = bootstrap(metric)
    seen = [os.path.relpath(item.path, data.source.root) for item in items]
    images_id = hashlib.sha256(json.dumps([metric.images, *seen]).encode()).hexdigest()[:24]
    workspace.write_json("test/draws.json", {"images_id": images_id, "metrics": result.values, "draws": draws})
    workspace.write_json("test/curves.json", result.curves)
    tested = TestResult(
        work_dir=workspace.root,
        split=split,
        metrics=result.values,
        intervals={name: interval(values) for name, values in draws.items()},
        per_class=result.per_class,
        checkpoint=path,
        images=len(items),
        seconds=time.perf_counter() - began,
    )
    workspace.write_json("test/metrics.json", tested.to_json())
    plots = workspace.folder("plots")
    plot_curves(result.curves, opened.model.label_info, plots)
    draw_pairs(opened.model, data, datamodule.loader(split, train=False), plots / f"{split}_predictions.jpg")
    return tested


def data_for(given: Given, workspace: Workspace, opened: OpenedModel) -> tuple[ReadData, OTXDataModule]:
    """The data set for a model: the one it was trained on, unless another root is given; its own split again.

    Raises:
        UserError: No data root is known, or the data has labels that the model does not know.
    """
    said = given.plan()
    plan = Plan.read(workspace.plan) if workspace.plan.is_file() else said
    roots = said["data_root"], plan["data_root"]
    same = not roots[0] or os.path.realpath(roots[0]) == os.path.realpath(roots[1])
    if not same:
        plan.choices["data_format"] = said.choices["data_format"]
    for key, choice in said.choices.items():
        if choice.origin == "user":
            plan.choices[key] = choice
    plan.add_user({"task": str(opened.spec.task)}, "the model")
    split_file = workspace.split if same else None
    data = read_data(plan, split_file=split_file, labels=opened.model.label_info, own=given.data)
    require_pixels(data.index.pixels, opened.model.input_spec, str(data.source.root))
    plan.choose("data.batch_size", 8, "default of testing")
    plan.choose("data.workers", 1, "default of testing")
    plan.choose("data.eval_batch_size", plan["data.batch_size"], "that of training")
    return data, make_datamodule(plan, data, opened.model.input_spec)
