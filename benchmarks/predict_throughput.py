"""Images per second of `otx predict` on an exported model, against what the parts allow.

    python benchmarks/predict_throughput.py [--json] [--models NAME ...] [--images N] [--repeats N]

Three things are timed on the same machine, one after the other, several times:

    decoding     the same image files read and resized by the same code on as many threads, nothing else
    benchmark    OpenVINO's own benchmark_app on the same IR: throughput hint, asynchronous, f32, batch 1, random input
    predict      `otx.runtime.stream.predict_files`, what `otx predict` runs, without writing JSON and pictures

Decoding and inference share the cores, so per image no program can be faster than the two together:

    bound = 1 / (1 / decoding + 1 / benchmark)        ratio = predict / bound

The ratio is taken within each turn, of neighbours in time, and the median of the turns counts. `of app` is predict /
benchmark, which leaves out that images have to be decoded.

Then the CPU time of an image by stage, one image after the other, and of `predict` as a whole: other work on the
machine hardly changes these.

Weights are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.data.images import read_image
from otx.data.media import read_media
from otx.deploy.export import export
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.report.predictions import write_predictions
from otx.runtime.exported import ExportedModel, load_exported
from otx.runtime.stream import predict_files
from otx.transforms.fit import fit_alone, fit_image

MODELS = (
    "timm/mobilenetv4_conv_small",
    "torchvision/ssdlite320_mobilenet_v3_large",
    "timm/resnet50",
    "transformers/dfine_nano",
)
TARGET = 0.85
LABELS = LabelInfo(tuple(f"class {index}" for index in range(10)))
THREADS = len(os.sched_getaffinity(0))
STAGED = 100
"""Images whose stages are timed."""


def main() -> int:
    """Time every model and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--models", nargs="+", default=MODELS, help="catalog names")
    parser.add_argument("--images", type=int, default=400, help="number of 640x480 JPEG files")
    parser.add_argument("--repeats", type=int, default=5, help="how often each part is timed")
    parser.add_argument("--seconds", type=int, default=5, help="how long benchmark_app runs each time")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"other work is running (load {load:.1f}): the ratios below mean little", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        images = write_images(Path(folder) / "images", args.images)
        rows = [time_model(name, images, Path(folder), args.repeats, args.seconds) for name in args.models]
    if args.json:
        print(
            json.dumps(
                {"threads": THREADS, "images": args.images, "target": TARGET, "load": load, "rows": rows}, indent=2
            )
        )
    else:
        print_table(rows, args.images)
    return 0 if all(row["ratio"] >= TARGET for row in rows) else 1


def write_images(folder: Path, count: int) -> list[Path]:
    """JPEG files whose content compresses like photographs: smooth shapes and some grain."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    paths = []
    for index in range(count):
        blobs = Image.fromarray(generator.integers(0, 255, (12, 16, 3), dtype=np.uint8))
        coarse = blobs.resize((640, 480), Image.Resampling.BICUBIC)
        grain = generator.normal(0, 6, (480, 640, 1))
        pixels = np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)
        paths.append(folder / f"{index:04}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=90)
    return paths


def time_model(name: str, images: list[Path], folder: Path, repeats: int, seconds: int) -> dict[str, Any]:
    """All parts for one model, in images per second."""
    rows = [row for row in catalog() if row.name == name]
    row = next((row for row in rows if row.task is OTXTaskType.MULTI_CLASS_CLS), rows[0])
    model, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
    path = export(model, folder / name.replace("/", "-") / "model.xml", model_name=name)
    exported = load_exported(path, hint="THROUGHPUT")
    for _ in predict_files(exported, images[:8]):
        pass
    runs: dict[str, list[float]] = {"decoding": [], "benchmark_app": [], "predict": []}
    cpu: list[float] = []
    for _ in range(repeats):  # in turns, so that a busy spell of the machine hits all of them
        runs["decoding"].append(time_decoding(images, row.input_spec))
        runs["benchmark_app"].append(run_benchmark_app(path, row.input_spec, seconds))
        began, worked = time.perf_counter(), time.process_time()
        count = sum(1 for _ in predict_files(exported, images))
        runs["predict"].append(count / (time.perf_counter() - began))
        cpu.append((time.process_time() - worked) / count * 1000)
    rates = {part: statistics.median(values) for part, values in runs.items()}
    bounds = [1 / (1 / a + 1 / b) for a, b in zip(runs["decoding"], runs["benchmark_app"], strict=True)]
    ratio = statistics.median(rate / bound for rate, bound in zip(runs["predict"], bounds, strict=True))
    of_app = statistics.median(a / b for a, b in zip(runs["predict"], runs["benchmark_app"], strict=True))
    stages = time_stages(exported, images[:STAGED], folder) | {"predict": statistics.median(cpu)}
    bound = statistics.median(bounds)
    return {"model": name, **rates, "bound": bound, "ratio": ratio, "of_app": of_app, "cpu_ms": stages, "runs": runs}


def time_stages(model: ExportedModel, images: list[Path], folder: Path) -> dict[str, float]:
    """Milliseconds of CPU time per image, of all threads of this process, by stage."""
    spent = dict.fromkeys(("read", "resize", "infer", "outputs", "write"), 0.0)
    bare_inputs, draw = model.spec.load("batch").bare_inputs, model.spec.load("draw")
    request = model.model.new_request()
    target = folder / "written"
    target.mkdir(exist_ok=True)
    with torch.no_grad(), write_predictions(target, draw, model.label_info) as writer:
        for path in images:
            times = [time.process_time()]
            pixels = read_media(path, model.input_spec)
            times.append(time.process_time())
            batch, info = fit_alone(pixels, str(path), model.input_spec)
            times.append(time.process_time())
            raw = model.model.run(bare_inputs(batch), request)
            times.append(time.process_time())
            prediction = model.decode(raw, batch, [info])
            times.append(time.process_time())
            for record in prediction.records(model.label_info, model.threshold):
                writer.add(path, record)
            writer.wait(0)
            times.append(time.process_time())
            for stage, start, end in zip(spent, times, times[1:], strict=False):
                spent[stage] += end - start
    return {stage: seconds / len(images) * 1000 for stage, seconds in spent.items()}


def time_decoding(images: list[Path], spec: InputSpec) -> float:
    """Images per second of reading and resizing alone."""

    def work(path: Path) -> None:
        fit_image(read_image(path), spec)

    with ThreadPoolExecutor(THREADS, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        began = time.perf_counter()
        for _ in pool.map(work, images):
            pass
        return len(images) / (time.perf_counter() - began)


def run_benchmark_app(path: Path, spec: InputSpec, seconds: int) -> float:
    """Images per second by OpenVINO's own benchmark of the same file."""
    command = [
        *(str(Path(sys.executable).with_name("benchmark_app")), "-m", str(path), "-d", "CPU"),
        *("-hint", "throughput", "-api", "async", "-infer_precision", "f32", "-t", str(seconds)),
        *("-shape", f"image[1,{spec.height},{spec.width},{spec.channels}]"),
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Throughput:\s+([\d.]+) FPS", output)
    assert found, output
    return float(found.group(1))


def print_table(rows: list[dict[str, Any]], images: int) -> None:
    """The rates, and how they were put together."""
    print(f"images per second on {THREADS} threads, {images} JPEG files of 640x480, medians")
    print(f"{'model':<44}{'decoding':>10}{'benchmark':>11}{'bound':>9}{'predict':>9}{'ratio':>8}{'of app':>8}")
    for row in rows:
        parts = "".join(
            f"{row[key]:>{width}.1f}"
            for key, width in (("decoding", 10), ("benchmark_app", 11), ("bound", 9), ("predict", 9))
        )
        print(f"{row['model']:<44}{parts}{row['ratio']:>8.2f}{row['of_app']:>8.2f}")
    print(f"bound = 1 / (1 / decoding + 1 / benchmark_app); ratio = predict / bound, target {TARGET}")
    stages = list(rows[0]["cpu_ms"])
    print("\nCPU time of an image in ms, by stage; `predict` is what the whole takes per image, without writing")
    print(f"{'model':<44}" + "".join(f"{stage:>9}" for stage in stages))
    for row in rows:
        print(f"{row['model']:<44}" + "".join(f"{row['cpu_ms'][stage]:>9.2f}" for stage in stages))


if __name__ == "__main__":
    sys.exit(main())
