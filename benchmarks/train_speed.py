"""Time, memory and quality of `Engine.train` with its defaults against a bare PyTorch loop (`bare_loop.py`).

    python benchmarks/train_speed.py --data_root DIR --model NAME ... [--size H W] [--epochs N] [--seeds N] [--json]

The data set must lie as `bare_loop.py` wants it: class folders, or COCO. For each seed the two take turns, each in a
process of its own, from random weights, with the same batch size, learning rate and number of epochs. `training` is the
ratio of the seconds in training epochs; `run` is that of the whole process but the test at its end: the side of OTX
also checks the data, measures what is fast here, validates every epoch and keeps checkpoints. Memory is the peak of the
main process. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIMITS = {"timm": 0.65, "transformers": 0.80}
ARMS = ("bare", "otx")
GIB = 2**20
"""In units of `ru_maxrss`, which are KiB."""


def run_arm(arm: str, told: dict[str, Any]) -> dict[str, Any]:
    """One training, in this process."""
    began = time.perf_counter()
    import torch
    from bare_loop import Job, classification, detection

    job = Job(**told | {"data_root": Path(told["data_root"]), "size": tuple(told["size"])})
    torch.manual_seed(job.seed)
    if arm == "otx":
        seconds, test = otx_training(job)
    else:
        seconds, test = (detection if (job.data_root / "annotations").is_dir() else classification)(job)
    took, memory = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB
    return {"training": seconds, "run": took, "gib": memory, "metric": test()}


def otx_training(job: Any) -> tuple[float, Any]:  # noqa: ANN401 - bare_loop.Job, which imports torch
    """Seconds of the training part of all epochs, and what gives the metric of the bare loop on the test images."""
    from otx.engine import Engine

    work_dir = Path(tempfile.mkdtemp())
    given: dict[str, Any] = {
        "model.input_size": list(job.size),
        "training.patience": 0,
        "data.batch_size": job.batch_size,
    }
    given["training.optimizer.lr"] = job.lr
    engine = Engine(job.data_root, model=job.model, work_dir=work_dir, pretrained=False, seed=job.seed, settings=given)
    trained = engine.train(max_epochs=job.epochs)
    images = sum(path.suffix in {".png", ".jpg"} for path in job.data_root.glob("**/train/**/*"))
    with (work_dir / "metrics.csv").open() as stream:
        seconds = sum(images / float(row["images_per_second"]) for row in csv.DictReader(stream))
    metric = "map_50" if trained.monitor == "map" else trained.monitor
    return seconds, lambda: engine.test().metrics[metric]


def both_arms(told: dict[str, Any], seeds: int) -> list[dict[str, Any]]:
    """A row per seed and arm, in turns."""
    rows = []
    for seed in range(seeds):
        for arm in ARMS if seed % 2 == 0 else ARMS[::-1]:
            command = [sys.executable, __file__, "--arm", arm, "--told", json.dumps(told | {"seed": seed})]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows.append({"arm": arm, "seed": seed, **json.loads(done.stdout.splitlines()[-1])})
            print(json.dumps(rows[-1]), file=sys.stderr)
    return rows


def summary(told: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Ratios within each seed, of neighbours in time, and their medians; metrics of all seeds."""
    by_arm = {arm: sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["seed"]) for arm in ARMS}
    pairs = list(zip(by_arm["otx"], by_arm["bare"], strict=True))
    ratios = {key: round(statistics.median(a[key] / b[key] for a, b in pairs), 3) for key in ("training", "run")}
    facts = {
        f"{arm}_{key}": [round(row[key], 3) for row in by_arm[arm]]
        for arm in ARMS
        for key in ("metric", "training", "run", "gib")
    }
    return {**told, **ratios, "limit": LIMITS[told["model"].split("/")[0]], **facts, "load": os.getloadavg()[0]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Training with OTX's defaults against a bare PyTorch loop.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--data_root", type=Path, help="class folders or COCO, with splits")
    parser.add_argument("--model", nargs="+", default=["timm/mobilenetv4_conv_small", "timm/efficientnet_b0"])
    parser.add_argument("--size", nargs=2, type=int, default=[224, 224], metavar=("H", "W"))
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="of the bare loop; OTX chooses its own")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--told", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(run_arm(options.arm, options.told)))
        return
    told = {"data_root": str(options.data_root.resolve()), "size": options.size, "batch_size": options.batch_size}
    told |= {"epochs": options.epochs, "lr": options.lr, "workers": options.workers}
    jobs = [told | {"model": model} for model in options.model]
    rows = [summary(job, both_arms(job, options.seeds)) for job in jobs]
    if options.json:
        print(json.dumps({"benchmark": "train_speed", "rows": rows}, indent=2))
        return
    table = "{:<32} {:>9} {:>6} {:>6} {:>18} {:>18} {:>14}".format
    print(table("model", "training", "run", "limit", "metric OTX", "metric bare", "GiB OTX, bare"))
    for row in rows:
        metrics = [_spread(row[f"{arm}_metric"]) for arm in ("otx", "bare")]
        memory = f"{max(row['otx_gib']):.2f}, {max(row['bare_gib']):.2f}"
        print(table(row["model"], row["training"], row["run"], row["limit"], *metrics, memory))


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} +- {statistics.stdev(values) if len(values) > 1 else 0:.3f}"


if __name__ == "__main__":
    main()
