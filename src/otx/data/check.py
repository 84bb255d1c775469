"""The verdict on a data root: what it holds, what is wrong with it, and whether it can be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from otx.data.index import DataIndex
from otx.data.source import DataSource
from otx.data.twins import find_twins


def check_data(
    source: DataSource,
    index: DataIndex | None,
    task: str | None = None,
    on_bad_data: Literal["error", "skip"] = "error",
    reason: str = "",
) -> dict[str, Any]:
    """The result of `otx check` as a JSON document.

    The problems of the index get those images that are in several subsets.

    Args:
        source: The opened data root.
        index: Its index, built with `on_bad_data="skip"` so that everything that is wrong is known; None: no task can
            use the data set, for this `reason`, and the document has what the files say.
        task: The task that the index was made for.
        on_bad_data: What training would do about bad images; `error` makes a data set with any untrainable.
        reason: Why it cannot be trained on, where that is known already.

    Returns:
        `task`, `format`, `evidence`, `why` (of the format), `labels`, `subsets` (name -> `images`, `objects`,
        `per_class`), `split`, `image_sizes` (`height` and `width` with `min`, `median`, `max`), `pixels` (what they
        are made of), `problems` (by kind), `trainable` and, if it is not, the `reason`.
    """
    if index:
        index.problems.extend(find_twins(index, source.root))
    evidence, problems = source.evidence, index.problems if index else source.problems
    bad = len(problems.bad())
    if index and not reason:
        reason = index.why_not_trainable()
        if not reason and bad and on_bad_data == "error":
            reason = f"{bad} images or annotations cannot be used: mend them, or leave them out with --on_bad_data skip"
    return {
        "task": str(task) if task else None,
        "format": source.format,
        "evidence": {
            "items": evidence.items,
            "annotations": dict(evidence.annotations),
            "unlabelled": evidence.unlabelled,
            "videos": evidence.videos,
        },
        "why": list(source.why),
        "labels": list(index.labels.names) if index else [],
        "subsets": _subsets(index) if index else {name: _subset(len(items)) for name, items in source.subsets.items()},
        "split": index.split_origin if index else "",
        "image_sizes": _image_sizes(index) if index else {},
        "pixels": str(index.pixels) if index else "",
        "problems": problems.to_list(),
        "trainable": not reason,
        "reason": reason,
    }


def _subsets(index: DataIndex) -> dict[str, dict[str, Any]]:
    labels, counts = index.labels.names, index.class_counts
    return {name: _subset(len(items), labels, counts[name]) for name, items in index.subsets.items()}


def _subset(images: int, labels: Sequence[str] = (), counts: Sequence[int] = ()) -> dict[str, Any]:
    return {"images": images, "objects": sum(counts), "per_class": dict(zip(labels, counts, strict=True))}


def _image_sizes(index: DataIndex) -> dict[str, dict[str, int]]:
    """Spread of the sizes over all subsets, in pixels."""
    items = [item for members in index.subsets.values() for item in members]
    sides = {"height": [item.height for item in items], "width": [item.width for item in items]} if items else {}
    return {
        name: {"min": min(lengths), "median": int(np.median(lengths)), "max": max(lengths)}
        for name, lengths in sides.items()
    }
