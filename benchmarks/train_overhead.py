"""What training with OTX costs or saves against a bare PyTorch loop on the same model, images and batches.

    python benchmarks/train_overhead.py [--json] [--model NAME ...] [--data_root DIR]

Each round trains by `Engine.train` with FP32 and the plain memory layout, by a bare loop (the same loader, AdamW, no
validation, no checkpoint), and by `Engine.train` with its defaults. The first epoch of each does not count. Compared
are the seconds of the training part of an epoch; validation and checkpoints are left out on both sides. A ratio is
taken within each round, of neighbours in time, and the median of the rounds counts. Run it on an idle machine: a
neighbour that comes and goes spoils any of them.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MODELS = ["timm/mobilenetv4_conv_small"]
LIMITS = {"ratio_same_format": 1.03, "ratio_default": 0.75}
SAME = {"training.channels_last": False, "training.precision": "32"}


def make_images(root: Path, count: int) -> None:
    """A folder of JPEG files in ten classes, 224 pixels wide and high."""
    generator = np.random.default_rng(0)
    for index in range(count):
        coarse = generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        path = root / f"class_{index % 10}" / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((224, 224), Image.Resampling.BICUBIC).save(path, quality=90)


def engine_epochs(data_root: Path, model: str, work_dir: Path, epochs: int, settings: dict[str, Any]) -> list[float]:
    """Seconds of the training part of each epoch but the first, by `Engine.train`."""
    from otx.engine import Engine

    given = {"model.input_size": [224, 224], "training.tensorboard": False, "training.patience": 0} | settings
    engine = Engine(data_root, model=model, work_dir=work_dir, pretrained=False, device="cpu", settings=given)
    engine.train(max_epochs=epochs + 1)
    with (work_dir / "metrics.csv").open() as stream:
        speeds = [float(row["images_per_second"]) for row in csv.DictReader(stream)]
    images, _ = bare_parts(work_dir, model)
    return [len(images.sampler) / speed for speed in speeds[1:]]


def bare_parts(work_dir: Path, model: str) -> tuple[Any, Any]:
    """The loader and the model of an `Engine` run, to be trained without it."""
    from otx.engine.reading import make_datamodule, read_data
    from otx.frameworks.build import build_model, find_row
    from otx.recipes.plan import Plan

    plan = Plan.read(work_dir / "plan.yaml")
    data = read_data(plan, split_file=work_dir / "data" / "split.json")
    row = find_row(model, data.spec.task)
    spec = row.input_spec.with_size(224, 224)
    network, _ = build_model(row, data.index.labels, spec, pretrained=False)
    return make_datamodule(plan, data, spec).loader("train", train=True), network


def bare_epochs(work_dir: Path, model: str, epochs: int) -> list[float]:
    """Seconds of each epoch but the first, by the loop that anyone would write."""
    import torch

    loader, network = bare_parts(work_dir, model)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    network.train()
    seconds = []
    for epoch in range(epochs + 1):
        loader.sampler.set_epoch(epoch)
        began = time.perf_counter()
        for batch in loader:
            optimizer.zero_grad()
            loss = network(batch).total
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def measure(model: str, data_root: Path, rounds: int, epochs: int) -> dict[str, Any]:
    """Both ratios for one model: the medians over the rounds."""
    seconds: dict[str, list[list[float]]] = {"same_format": [], "bare": [], "default": []}
    choice: dict[str, Any] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            same, default = Path(folder) / "same", Path(folder) / "default"
            seconds["same_format"].append(engine_epochs(data_root, model, same, epochs, SAME))
            seconds["bare"].append(bare_epochs(same, model, epochs))
            seconds["default"].append(engine_epochs(data_root, model, default, epochs, {}))
            choice = _choice(default)
    middle = {name: [statistics.median(one) for one in by_round] for name, by_round in seconds.items()}
    return {
        "model": model,
        "ratio_same_format": _ratio(middle["same_format"], middle["bare"]),
        "ratio_default": _ratio(middle["default"], middle["bare"]),
        "seconds_per_epoch": {
            name: [[round(value, 3) for value in one] for one in by_round] for name, by_round in seconds.items()
        },
        "default": choice,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }


def _ratio(ours: list[float], bare: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, bare, strict=True)), 4)


def _choice(work_dir: Path) -> dict[str, Any]:
    from otx.recipes.plan import Plan

    plan = Plan.read(work_dir / "plan.yaml")
    keys = ("training.precision", "training.channels_last", "data.batch_size", "data.workers")
    return {key: plan[key] for key in keys}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Training with OTX against a bare PyTorch loop.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--model", nargs="+", default=MODELS, help=f"catalog names (default: {' '.join(MODELS)})")
    parser.add_argument("--data_root", type=Path, help="a classification data set (default: generated images)")
    parser.add_argument("--images", type=int, default=320, help="number of generated images (default: 320)")
    parser.add_argument("--rounds", type=int, default=5, help="how often they take turns (default: 5)")
    parser.add_argument("--epochs", type=int, default=2, help="epochs that count, in each turn (default: 2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data_root = options.data_root or Path(folder)
        if options.data_root is None:
            make_images(data_root, options.images)
        rows = [measure(model, data_root, options.rounds, options.epochs) for model in options.model]
    if options.json:
        print(json.dumps({"benchmark": "train_overhead", "limits": LIMITS, "rows": rows}, indent=2))
        return
    print(f"{'model':<32} {'same format':>12} {'default':>9}   (limits {', '.join(map(str, LIMITS.values()))})")
    for row in rows:
        print(f"{row['model']:<32} {row['ratio_same_format']:12.3f} {row['ratio_default']:9.3f}   {row['default']}")
        if row["load_average"] > 1.5 * (row["cores"] or 1):
            print(f"  load average {row['load_average']:.1f} on {row['cores']} cores: these figures mean little")


if __name__ == "__main__":
    main()
