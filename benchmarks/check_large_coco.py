"""What `otx check` costs on a large data set: CPU seconds and peak memory on a generated COCO set.

Run `python benchmarks/check_large_coco.py --json`. The set has 10,000 images and 100,000 boxes; `--polygons` gives each
box an outline of 20 points, `--images none` leaves the image files out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MAX_CPU_SECONDS = 8.0
MAX_PEAK_MB = 1000.0


def write_set(root: Path, images: int, annotations: int, files: str, *, polygons: bool) -> None:
    """Write the COCO set: three subsets, 20 classes, images of 64x64 pixels or none at all."""
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    (root / "annotations").mkdir(parents=True)
    (root / "images").mkdir()
    for offset, suffix in enumerate(("png", "jpg")):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(root / f"sample{offset}.{suffix}")
    samples = {suffix: (root / f"sample{offset}.{suffix}").read_bytes() for offset, suffix in enumerate(("png", "jpg"))}
    for subset, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        count, objects = int(images * share), int(annotations * share)
        listed = []
        for number in range(count):
            suffix = "png" if number % 2 else "jpg"
            name = f"{subset}_{number:06}.{suffix}"
            listed.append({"id": number, "file_name": name, "width": 64, "height": 64})
            if files == "tiny":
                (root / "images" / name).write_bytes(samples[suffix])
        boxes = rng.uniform([0, 0, 4, 4], [40, 40, 24, 24], (objects, 4)).round(2)
        entries: list[dict[str, Any]] = []
        for number, (x, y, w, h) in enumerate(boxes.tolist()):
            outline = np.stack([x + w / 2 * (1 + np.cos(angles)), y + h / 2 * (1 + np.sin(angles))], 1)
            entries.append(
                {
                    "id": number + 1,
                    "image_id": number % count,
                    "category_id": 1 + number % 20,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                    "segmentation": [outline.round(2).ravel().tolist()] if polygons else [],
                }
            )
        categories = [{"id": number + 1, "name": f"class {number + 1}"} for number in range(20)]
        document = {"images": listed, "annotations": entries, "categories": categories}
        (root / "annotations" / f"instances_{subset}.json").write_text(json.dumps(document))
    for offset, suffix in enumerate(("png", "jpg")):
        (root / f"sample{offset}.{suffix}").unlink()


def measure(root: Path) -> dict[str, Any]:
    """Run the check in a process of its own."""
    command = [sys.executable, "-m", "otx", "check", "--data_root", str(root), "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not result.stdout:
        raise SystemExit(result.stderr)
    report = json.loads(result.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss / 1024
    return {
        "images": report["evidence"]["items"],
        "boxes": report["evidence"]["annotations"].get("bbox", 0),
        "trainable": report["trainable"],
        "cpu_seconds": round(cpu, 2),
        "peak_mb": round(peak),
        "passed": cpu < MAX_CPU_SECONDS and peak < MAX_PEAK_MB,
    }


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--n_images", type=int, default=10_000)
    parser.add_argument("--n_annotations", type=int, default=100_000)
    parser.add_argument(
        "--images", choices=("tiny", "none"), default="tiny", help="write image files, or leave them out"
    )
    parser.add_argument("--polygons", action="store_true", help="an outline of 20 points per box")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "coco"
        write_set(root, args.n_images, args.n_annotations, args.images, polygons=args.polygons)
        row = measure(root)
    if args.json:
        print(json.dumps(row))
    else:
        print(f"{row['images']} images, {row['boxes']} boxes")
        print(f"{row['cpu_seconds']} CPU seconds (at most {MAX_CPU_SECONDS:g})")
        print(f"{row['peak_mb']} MB at the peak (at most {MAX_PEAK_MB:g})")
    sys.exit(0 if row["passed"] else 1)


if __name__ == "__main__":
    main()
