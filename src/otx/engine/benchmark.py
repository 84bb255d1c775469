"""`otx benchmark`: one table over the forms of a model: how fast, how large, how good."""

from __future__ import annotations

import importlib.util
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from otx.core.errors import OTXError, UserError
from otx.core.model import OTXModel
from otx.data.loader import BatchLoader
from otx.deploy.export import export
from otx.deploy.settings import INT8_IMAGES, ExportPrecision
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.results import BenchmarkResult
from otx.engine.speed import Job, run_apart
from otx.engine.test import data_for
from otx.engine.workspace import Workspace
from otx.runtime.exported import load_exported
from otx.runtime.onnx_runtime import load_onnx
from otx.runtime.openvino_core import openvino_core
from otx.training.device import resolve_device
from otx.training.evaluate import evaluate

logger = logging.getLogger(__name__)

FEEDS = 8
"""Images that are run again and again for the timing."""


@dataclass(frozen=True)
class Form:
    """A form of the model.

    Attributes:
        name: What the table calls it.
        runtime: What runs it, see `Job`.
        write: Gives its file.
        device: As the runtime calls it.
        load: Makes the file a model that can be measured.
        bf16: torch computes in BF16.
    """

    name: str
    runtime: str
    write: Callable[[], Path]
    device: str
    load: Callable[[Path], OTXModel[Any, Any]]
    bf16: bool = False


def benchmark(given: Given, checkpoint: Path | None, seconds: float, batch_size: int | None = None) -> BenchmarkResult:
    """Write `benchmark/benchmark.json`.

    Args:
        given: Knows the work dir and the data root.
        checkpoint: The checkpoint, whose exports are made for the purpose, or one exported model; None takes the best.
        seconds: How long each timing takes.
        batch_size: See `Job`.

    Raises:
        UserError: There is no such model or no data for it, or a number is too small.
    """
    if batch_size is not None and batch_size < 1:
        raise UserError(f"--batch_size: expected a number of images from 1 on, found {batch_size}")
    if seconds <= 0:
        raise UserError(f"--seconds: expected a time above 0, found {seconds}")
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given)
    data, datamodule = data_for(given, workspace, opened)
    split = "test" if any(items for name, items in data.index.subsets.items() if name == "test") else "val"
    images = datamodule.excerpt(split, INT8_IMAGES)
    load = os.getloadavg()[0]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        feeds = _write_feeds(images, Path(folder) / "feeds.safetensors")
        for form in _forms(opened, given, workspace, Path(folder)):
            job = Job(
                runtime=form.runtime,
                device=form.device,
                bf16=form.bf16,
                feeds=str(feeds),
                batch_size=batch_size,
                model=opened.row.name if opened.row else "",
            )
            rows.append(_measure(form, job, seconds, opened, images))
            logger.info("%s on %s: %s", form.name, form.device, rows[-1]["note"] or "measured")
    _relate(rows, opened.spec.monitor_mode)
    result = BenchmarkResult(
        work_dir=workspace.root,
        checkpoint=path,
        metric=opened.spec.monitor,
        split=split,
        images=len(images),
        load=round(load, 2),
        cores=len(os.sched_getaffinity(0)),
        rows=rows,
    )
    workspace.write_json("benchmark/benchmark.json", result.to_json())
    return result


def _forms(opened: OpenedModel, given: Given, workspace: Workspace, folder: Path) -> Iterator[Form]:
    """The forms of a model, each to be made when its turn comes."""

    def write(name: str, precision: ExportPrecision) -> Path:
        return export(opened.model, folder / name, precision=precision, model_name=opened.name)

    openvino: dict[str, Callable[[], Path]] = {}
    quantised = workspace.root / "optimize" / "model.xml"
    if opened.exported:
        openvino[f"OpenVINO {opened.path.name}"] = lambda: opened.path
    else:
        device = str(resolve_device(given.plan()["device"]))
        for name, bf16 in (("torch FP32", False), ("torch BF16", True)):
            yield Form(name, "torch", lambda: opened.path, device, lambda _: opened.model, bf16)
        openvino["OpenVINO FP32"] = partial(write, "fp32.xml", "fp32")
        openvino["OpenVINO FP16"] = partial(write, "fp16.xml", "fp16")
        if quantised.is_file():
            openvino["OpenVINO INT8"] = lambda: quantised
    for name, file in openvino.items():
        for device in openvino_core().available_devices:
            yield Form(name, "openvino", file, device, partial(load_exported, device=device))
    if not opened.exported and all(importlib.util.find_spec(package) for package in ("onnx", "onnxruntime")):
        yield Form("ONNX Runtime", "onnxruntime", partial(write, "model.onnx", "fp32"), "CPU", load_onnx)


def _measure(form: Form, job: Job, seconds: float, opened: OpenedModel, images: BatchLoader) -> dict[str, Any]:
    row: dict[str, Any] = {"name": form.name, "device": form.device, "note": ""}
    metric = opened.spec.load("metric")(opened.model.label_info)
    device = form.device if form.runtime == "torch" else "cpu"
    precision = torch.autocast(torch.device(device).type, torch.bfloat16) if form.bf16 else nullcontext()
    try:
        path = form.write()
        files = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
        row["size_mb"] = sum(file.stat().st_size for file in files) / 2**20
        with precision:
            row["metric"] = evaluate(form.load(path), images, metric, device).values[opened.spec.monitor]
        row |= run_apart(replace(job, path=str(path)), seconds)
        if job.batch_size and row["batch_size"] != job.batch_size:
            row["note"] = f"takes one image at a time, no batch of {job.batch_size}"
    except (OTXError, RuntimeError) as error:  # of one form; the others are still worth knowing
        row["note"] = (str(error).strip() or type(error).__name__).splitlines()[0]
    return row


def _relate(rows: list[dict[str, Any]], mode: str) -> None:
    """What a row loses of the first one's metric, and how much faster it is than FP32 in OpenVINO on its device."""
    sign = 1 if mode == "max" else -1
    first = rows[0].get("metric")
    base = {row["device"].casefold(): row for row in rows if row["name"] == "OpenVINO FP32"}
    for row in rows:
        if first and "metric" in row:
            row["drop_relative"] = sign * (first - row["metric"]) / abs(first)
        plain = base.get(row["device"].casefold(), {})
        if {"images_per_second"} <= plain.keys() & row.keys():
            row["speed_up"] = row["images_per_second"] / plain["images_per_second"]


def _write_feeds(images: BatchLoader, path: Path) -> Path:
    inputs = [batch.graph_inputs() for batch, _ in zip(images, range(FEEDS), strict=False)]
    shapes = [{name: value.shape[1:] for name, value in batch.items()} for batch in inputs]
    batches = [batch for batch, shape in zip(inputs, shapes, strict=True) if shape == shapes[0]]  # prompts may be fewer
    stacked = {name: np.stack([batch[name][0].numpy() for batch in batches]) for name in batches[0]}
    pixels = np.moveaxis(stacked.pop("images"), -3, -1)
    save_file({"image": np.ascontiguousarray(pixels), **stacked}, path)
    return path
