"""How fast a model file runs, and in how much memory: a program of its own, so that memory is that of one runtime.

`python -m otx.engine.speed JOB SECONDS` prints one JSON object; JOB has the fields of `Job` as JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from otx.core.errors import OTXError
from otx.training.ram import peak

Feed = dict[str, Any]
BATCH = 8
"""Images at a time where a runtime has no requests of its own to keep a machine busy."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is timed.

    Attributes:
        runtime: `openvino`, `onnxruntime` or `torch`.
        path: The model file.
        device: As the runtime calls it.
        bf16: Let torch compute in BF16.
        feeds: `.safetensors` with images as a graph takes them, and what else it takes, by name.
        batch_size: Images at a time for the throughput, where the graph takes more than one; None: one in OpenVINO,
            whose requests keep a machine busy, and `BATCH` elsewhere.
        model: Class in a file of code that the user named for it, if any.
    """

    runtime: str
    path: str = ""
    device: str
    bf16: bool = False
    feeds: str
    batch_size: int | None = None
    model: str = ""


def run_apart(job: Job, seconds: float) -> dict[str, float]:
    """Time a job in a process of its own, each measurement for so many seconds.

    Returns:
        `latency_ms` of one image at a time, the median; `images_per_second`, and `cpu_ms` that one of them costs on all
        cores together, `batch_size` at a time; `memory_mb`, the peak of the process.

    Raises:
        OTXError: It failed; the message has its last line.
    """
    command = [sys.executable, "-m", "otx.engine.speed", json.dumps(asdict(job)), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this very program
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise OTXError(lines[-1] if lines else f"the process ended with status {done.returncode}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _openvino(job: Job, feeds: list[Feed], seconds: float) -> dict[str, float]:
    """One synchronous request under the latency hint; as many as the device wants under the throughput hint."""
    import openvino as ov

    core = ov.Core()
    graph = core.read_model(job.path)
    one_by_one = graph.inputs[0].partial_shape[0].is_static
    size = 1 if one_by_one else job.batch_size or 1

    def compiled(hint: str, size: int) -> Any:  # noqa: ANN401 - openvino is untyped
        graph.reshape({port.any_name: [size, *list(port.partial_shape)[1:]] for port in graph.inputs})
        settings = {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "f32"}
        return core.compile_model(graph, job.device, settings)

    latency = _latency(compiled("LATENCY", 1).create_infer_request().infer, feeds, seconds)
    queue = ov.AsyncInferQueue(compiled("THROUGHPUT", size))
    return latency | _rate(queue.start_async, _batches(feeds, size), seconds, finish=queue.wait_all)


def _onnxruntime(job: Job, feeds: list[Feed], seconds: float) -> dict[str, float]:
    import onnxruntime

    session = onnxruntime.InferenceSession(job.path, providers=["CPUExecutionProvider"])
    one_by_one = session.get_inputs()[0].shape[0] == 1
    size = 1 if one_by_one else job.batch_size or BATCH
    return _alone_and_together(lambda feed: session.run(None, feed), feeds, seconds, size)


def _torch(job: Job, feeds: list[Feed], seconds: float) -> dict[str, float]:
    import torch

    from otx.engine.given import Given
    from otx.engine.opening import open_model

    model = open_model(Path(job.path), Given(settings={"model.name": job.model})).model.to(job.device)
    graph = model.export_graph()

    def run(feed: Feed) -> None:
        inputs = {name: torch.from_numpy(value).to(job.device) for name, value in feed.items()}
        images = inputs.pop("image").movedim(-1, -3)
        with torch.inference_mode(), torch.autocast(torch.device(job.device).type, torch.bfloat16, enabled=job.bf16):
            next(iter(graph(images=images, **inputs).values())).cpu()

    return _alone_and_together(run, feeds, seconds, 1 if model.exports_batch_of_one else job.batch_size or BATCH)


RUNTIMES: dict[str, Callable[[Job, list[Feed], float], dict[str, float]]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
    "torch": _torch,
}


def _alone_and_together(run: Callable[[Feed], Any], feeds: list[Feed], seconds: float, size: int) -> dict[str, float]:
    """An image alone, then so many at a time."""
    return _latency(run, feeds, seconds) | _rate(run, _batches(feeds, size), seconds)


def _batches(feeds: list[Feed], size: int) -> list[Feed]:
    """Images of one feed each as they are, or a batch of so many."""
    if size == 1:
        return feeds
    some = [feeds[i % len(feeds)] for i in range(size)]
    return [{name: np.concatenate([feed[name] for feed in some]) for name in some[0]}]


def _latency(run: Callable[[Feed], Any], feeds: list[Feed], seconds: float) -> dict[str, float]:
    run(feeds[0])  # the first one prepares
    times: list[float] = []
    while sum(times) < seconds:
        began = time.perf_counter()
        run(feeds[len(times) % len(feeds)])
        times.append(time.perf_counter() - began)
    return {"latency_ms": statistics.median(times) * 1e3}


def _rate(
    run: Callable[[Feed], Any], feeds: list[Feed], seconds: float, finish: Callable[[], Any] = lambda: None
) -> dict[str, float]:
    run(feeds[0])
    finish()
    began, busy, images = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < seconds:
        feed = feeds[images % len(feeds)]
        run(feed)
        images += len(feed["image"])
    finish()
    took, busy = time.perf_counter() - began, time.process_time() - busy
    together = len(feeds[0]["image"])
    return {"images_per_second": images / took, "cpu_ms": busy / images * 1e3, "batch_size": together}


def main(words: list[str]) -> None:
    """Do the job that the command line names."""
    job = Job(**json.loads(words[0]))
    stacked = load_file(job.feeds)
    images = range(len(stacked["image"]))
    feeds = [{name: np.ascontiguousarray(values[i : i + 1]) for name, values in stacked.items()} for i in images]
    measured = RUNTIMES[job.runtime](job, feeds, float(words[1]))
    print(json.dumps(measured | {"memory_mb": peak() * 1024}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
