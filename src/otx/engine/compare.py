"""`otx compare`: is one model better than another, or was it the luck of the test images? Imports no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from otx.core.bootstrap import interval
from otx.core.errors import UserError
from otx.engine.results import CompareResult

RESULT = Path("test") / "metrics.json"


def compare(first: Path, second: Path) -> CompareResult:
    """Compare what `otx test` measured of two models on the same images.

    Args:
        first: A work dir, or the `metrics.json` that `otx test` wrote.
        second: The like.

    Raises:
        UserError: One of them was not tested, or not on the same images.
    """
    one, other = _read(first), _read(second)
    if one["images_id"] != other["images_id"]:
        raise UserError(
            f"expected two tests on the same images, but {first} was tested on {one['images']} images of "
            f"{one['split']}, and {second} on other {other['images']} of {other['split']}. Test both again with the "
            "same --data_root and --split; runs share a split that OTX made if the second starts with the first's "
            "data/split.json in its work dir."
        )
    rows = []
    for name in (name for name in one["metrics"] if name in other["metrics"]):
        values = (one["metrics"][name], other["metrics"][name])
        row: dict[str, Any] = {"metric": name, "first": values[0], "second": values[1]}
        row |= {"difference": values[1] - values[0], "interval": None, "significant": None}
        if name in one["draws"] and name in other["draws"]:
            low, high = interval([b - a for a, b in zip(one["draws"][name], other["draws"][name], strict=True)])
            row |= {"interval": [low, high], "significant": not low <= 0 <= high}
        rows.append(row)
    return CompareResult(first=first, second=second, split=one["split"], images=one["images"], rows=rows)


def _read(run: Path) -> dict[str, Any]:
    """`metrics.json`, and `draws.json` beside it."""
    path = run if run.suffix == ".json" else run / RESULT
    if not path.is_file():
        msg = f"expected a work dir with {RESULT}, or such a file, at {run}. Measure it first: otx test --work_dir DIR"
        raise UserError(msg)
    msg = f"{path} has no draws.json beside it that belongs to it. Measure again: otx test --work_dir DIR"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        draws = json.loads(path.with_name("draws.json").read_text(encoding="utf-8"))
        facts = {key: found[key] for key in ("split", "images", "metrics")}
        facts |= {key: draws[key] for key in ("images_id", "draws")}
        belongs = draws["metrics"] == found["metrics"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(msg) from error
    if not belongs:
        raise UserError(msg)
    return facts
