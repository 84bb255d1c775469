"""Seconds until a validation metric is reached from random weights: OTX's defaults beside a plain recipe.

    python benchmarks/time_to_accuracy.py --data_root DIR --target X [--model NAME] [--max_epochs N] [--json]

Both train the same model on the same data for as many epochs, at the same time, with one thread and one core each. The
plain recipe is AdamW with a constant learning rate and horizontal flips: no other augmentation, no warm-up, no averaged
weights, and the layout and precision that torch has by default. Time counts validation, but not the start of a run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ARMS: dict[str, dict[str, Any]] = {
    "otx": {},
    "plain": {
        "transforms.train": [{"name": "RandomHorizontalFlip", "p": 0.5}],
        "training.schedule.warmup_steps": 0,
        "training.schedule.final_ratio": 1.0,
        "training.ema_decay": 0.0,
        "training.channels_last": False,
        "training.precision": "32",
    },
}


def train(told: dict[str, Any]) -> list[dict[str, float]]:
    """Seconds since the start and the validation metric after each epoch, of one arm."""
    from otx.engine import Engine

    os.sched_setaffinity(0, {told["core"]})
    given = {**ARMS[told["arm"]], "training.patience": 0, "training.tensorboard": False}
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(told["data_root"], model=told["model"], work_dir=folder, pretrained=False, settings=given)
        trained = engine.train(max_epochs=told["max_epochs"])
        rows = list(csv.DictReader((Path(folder) / "metrics.csv").open(encoding="utf-8")))
    course, seconds = [], 0.0
    for row in rows:
        seconds += float(row["seconds"])
        course.append({"seconds": round(seconds, 1), "metric": float(row[trained.monitor])})
    return course


def reached(course: list[dict[str, float]], target: float) -> float | None:
    """Seconds until the metric was there for the first time."""
    return next((point["seconds"] for point in course if point["metric"] >= target), None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time to a given accuracy from random weights.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--data_root", type=Path)
    parser.add_argument("--target", type=float, nargs="+", help="values of the task's main metric on validation")
    parser.add_argument("--model", help="catalog name (default: OTX's choice)")
    parser.add_argument("--max_epochs", type=int)
    parser.add_argument("--told", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.told:
        print(json.dumps(train(options.told)))
        return
    told = {"data_root": str(options.data_root), "model": options.model, "max_epochs": options.max_epochs}
    cores = sorted(os.sched_getaffinity(0))
    running = {}
    for core, arm in zip(cores, ARMS, strict=False):
        command = [sys.executable, __file__, "--told", json.dumps({**told, "arm": arm, "core": core})]
        variables = {**os.environ, "OMP_NUM_THREADS": "1"}
        running[arm] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
    courses = {arm: json.loads(process.communicate()[0].splitlines()[-1]) for arm, process in running.items()}
    seconds = {
        str(target): {arm: reached(course, target) for arm, course in courses.items()} for target in options.target
    }
    if options.json:
        print(json.dumps({"benchmark": "time_to_accuracy", **told, "seconds": seconds, "courses": courses}, indent=2))
        return
    print(f"{'target':>8} {'otx':>10} {'plain':>10}   seconds until validation reaches it ({options.data_root})")
    for target, by_arm in seconds.items():
        print(f"{target:>8} {by_arm['otx'] or 'never':>10} {by_arm['plain'] or 'never':>10}")
    print(f"{'best':>8} " + " ".join(f"{max(point['metric'] for point in courses[arm]):>10.3f}" for arm in ARMS))


if __name__ == "__main__":
    main()
