"""The verdict on a data root: what it holds, what is wrong with it, and whether it can be trained on."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from otx.data.index import DataIndex
from otx.data.source import DataSource


def check_data(
    source: DataSource,
    index: DataIndex,
    task: str | None = None,
    on_bad_data: Literal["error", "skip"] = "error",
) -> dict[str, Any]:
    """The result of `otx check` as a JSON document.

    Args:
        source: The opened data root.
        index: Its index, built with `on_bad_data="skip"` so that everything that is wrong is known.
        task: The task that the index was made for.
        on_bad_data: What training would do about bad images; `error` makes a data set with any untrainable.

    Returns:
        `task`, `format`, `evidence`, `why` (of the format), `labels`, `subsets` (name -> `images`, `objects`,
        `per_class`), `split`, `image_sizes` (`height` and `width` with `min`, `median`, `max`), `pixels` (what they
        are made of), `problems` (by kind), `trainable` and, if it is not, the `reason`.
    """
    reason = index.why_not_trainable()
    bad = len(index.problems.bad())
    if not reason and bad and on_bad_data == "error":
        reason = f"{bad} images or annotations cannot be used: mend them, or leave them out with --on_bad_data skip"
    evidence = source.evidence
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
        "labels": list(index.labels.names),
        "subsets": {
            name: {
                "images": len(items),
                "objects": sum(index.class_counts[name]),
                "per_class": dict(zip(index.labels.names, index.class_counts[name], strict=True)),
            }
            for name, items in index.subsets.items()
        },
        "split": index.split_origin,
        "image_sizes": _image_sizes(index),
        "pixels": str(index.pixels),
        "problems": index.problems.to_list(),
        "trainable": not reason,
        "reason": reason,
    }


def _image_sizes(index: DataIndex) -> dict[str, dict[str, int]]:
    """Spread of the sizes over all subsets, in pixels."""
    items = [item for members in index.subsets.values() for item in members]
    sides = {"height": [item.height for item in items], "width": [item.width for item in items]} if items else {}
    return {
        name: {"min": min(lengths), "median": int(np.median(lengths)), "max": max(lengths)}
        for name, lengths in sides.items()
    }
