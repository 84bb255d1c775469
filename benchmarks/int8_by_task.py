"""INT8 of a trained model per task: what it costs of the metric, and how much faster it is.

    python benchmarks/int8_by_task.py [WORK_DIR] [--data DIR] [--only NAME ...] [--speed] [--page docs/int8.md]

Trains each case from random weights, tests, quantises (`Engine.optimize` exports and proves an FP32 IR first), tests
both files, and times them one after the other by `Engine.benchmark`. What is done stands in WORK_DIR/rows.json and is
not done again; `--speed` only times again, on an idle machine. The page is written anew after each case; rows on it
whose runs are not in WORK_DIR stay.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from otx.core.errors import OTXError
from otx.deploy.gate import ParityError
from otx.engine import Engine
from otx.engine.demo import write_demo_data
from otx.tasks import task_spec, task_specs

Case = dict[str, Any]
REAL = {
    "cls_cifar10": ("MULTI_CLASS_CLS", "cls_cifar10", 30),
    "det_bccd": ("DETECTION", "det_bccd/coco", 30),
    "iseg_nuts": ("INSTANCE_SEGMENTATION", "iseg_nuts", 80),
    "sseg_camvid": ("SEMANTIC_SEGMENTATION", "sseg_camvid/voc", 24),
}
"""Name -> task, folder and epochs; all tasks beside them learn the set and the recipe of `otx demo`."""
PAGE = """\
# INT8, task by task

<!-- Written by benchmarks/int8_by_task.py from the runs that it makes; do not edit. -->

`python benchmarks/int8_by_task.py WORK_DIR --page docs/int8.md` trains a model per task from random weights, with
`--data DIR` one on each of four real sets too, quantises it by `otx optimize` ([optimize.md](optimize.md)), and writes
these tables.

## The gate

On validation images, up to 256, which decide what rung of the ladder is taken. The FP32 drop is that of the IR, allowed
are 0.002; the INT8 drop is relative to the checkpoint, allowed is 1 %. Rungs that failed are struck out.

| task | data | model | metric | torch | FP32 IR | INT8 | FP32 drop | INT8 drop | rung |
|---|---|---|---|---|---|---|---|---|---|
{gate}

## Test images and speed

All test images, which decided nothing. Images per second of OpenVINO on the CPU under its throughput hint, in FP32 what
is not INT8; in brackets the ratio of the CPU time of an image, which other work on the machine hardly changes.

| task | data | torch | FP32 IR | INT8 | FP32 images/s | INT8 images/s | ratio | load |
|---|---|---|---|---|---|---|---|---|
{speed}
"""


def work(engine: Engine, case: Case, folder: Path, *, speed: bool) -> None:
    """Do what a case lacks: `test`, `gate`, `speed`."""
    if "test" not in case:
        trained = engine.train(max_epochs=case["epochs"], resume=True)
        case |= {"model": trained.model, "metric": trained.monitor, "epochs": trained.epochs}
        case["test"] = {"torch": engine.test().metrics[trained.monitor]}
    if "gate" not in case:
        try:
            case["file"] = engine.optimize().model.name
        except ParityError:
            case["file"] = "model.failed-parity.xml"
        for form, file in (("fp32", "fp32.xml"), ("int8", case["file"])):
            case["test"][form] = engine.test(folder / file).metrics[case["metric"]]
        case["gate"] = json.loads((folder / "parity.json").read_text())["comparisons"]
    if "speed" not in case or speed:
        fp32, int8 = (engine.benchmark(folder / file) for file in ("fp32.xml", case["file"]))
        case["speed"] = {"fp32": fp32.rows[0], "int8": int8.rows[0], "load": fp32.load, "cores": fp32.cores}


def gate_cells(case: Case) -> list[str]:
    """A row of the first table."""
    fp32, *rungs = case["gate"]
    best = next((one for one in rungs if one["passed"]), min(rungs, key=lambda one: one["drop_relative"] or 1.0))
    values = [f"{value:.4f}" for value in (fp32["reference"], fp32["exported"], best["exported"])]
    drops = [f"{fp32['reference'] - fp32['exported']:.4f}", f"{best['drop_relative']:.2%}"]
    names = {one["name"].removeprefix("INT8 model (").rstrip(")"): one["passed"] for one in rungs}
    tried = ", ".join(name if passed else f"~~{name}~~" for name, passed in names.items())
    return [case["task"], case["data"], case["model"], case["metric"], *values, *drops, tried]


def speed_cells(case: Case) -> list[str]:
    """A row of the second table."""
    values = [f"{case['test'][form]:.4f}" for form in ("torch", "fp32", "int8")]
    fp32, int8, load, cores = (case["speed"][key] for key in ("fp32", "int8", "load", "cores"))
    rates = [f"{form['images_per_second']:.1f}" for form in (fp32, int8)]
    ratio = f"{int8['images_per_second'] / fp32['images_per_second']:.1f} ({fp32['cpu_ms'] / int8['cpu_ms']:.1f})"
    busy = ", other work" if load > cores + 0.5 else ""
    return [case["task"], case["data"], *values, *rates, ratio, f"{load:.1f}{busy}"]


def page(rows: dict[str, Case], before: str) -> str:
    """Both tables, of what is done and of what the page had before."""
    gate, _, speed = before.partition("## Test images")
    tables = {}
    for key, cells, old in (("gate", gate_cells, gate), ("speed", speed_cells, speed)):
        lines = [line for line in old.splitlines() if line.startswith("| ") and not line.startswith("| task")]
        lines += [f"| {' | '.join(cells(row))} |" for row in rows.values() if key in row]
        tables[key] = "\n".join({tuple(line.split(" | ")[:2]): line for line in lines}.values())
    return PAGE.format(**tables)


def main() -> None:
    """Do what is not done yet, case by case."""
    parser = argparse.ArgumentParser(description="INT8 of a trained model per task.")
    parser.add_argument("work_dir", type=Path, nargs="?", default=Path("int8"), help="for all runs (default: int8)")
    parser.add_argument("--data", type=Path, help="folder of the real sets (default: only those of otx demo)")
    parser.add_argument("--only", nargs="+", help="names of cases (default: all)")
    parser.add_argument("--speed", action="store_true", help="time again what is done")
    parser.add_argument("--page", type=Path, help="where to write the tables (default: WORK_DIR/int8.md)")
    options = parser.parse_args()
    stored = options.work_dir / "rows.json"
    rows: dict[str, Case] = json.loads(stored.read_text()) if stored.is_file() else {}
    cases = {task.lower(): (str(task), "", None) for task in task_specs()} | (REAL if options.data else {})
    for name in options.only or cases:
        task, folder, epochs = cases[name]
        case = rows.setdefault(name, {"task": task, "data": folder or "otx demo", "epochs": epochs})
        run, data = (
            options.work_dir / name / "run",
            options.data / folder if folder else options.work_dir / name / "data",
        )
        if not data.exists():
            write_demo_data(task, data)
        config = None if folder else f"demo/{task_spec(task).recipe}"
        engine = Engine(data, task=task, work_dir=run, config=config, pretrained=False, device="cpu")
        try:
            work(engine, case, run / "optimize", speed=options.speed)
        except OTXError as error:
            print(f"{name}: {error}")
        stored.write_text(json.dumps(rows, indent=2) + "\n")
        target = options.page or options.work_dir / "int8.md"
        target.write_text(page(rows, target.read_text() if target.is_file() else ""))


if __name__ == "__main__":
    main()
