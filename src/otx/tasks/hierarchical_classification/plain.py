"""Raw outputs -> a record of `predictions.json`, as the task's decoding does it, with numpy alone: for bundles."""

from __future__ import annotations

from typing import Any

import numpy as np


def decode(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The path through the tree, each label right before those below it."""
    groups = about["decode"]["groups"]
    in_order = [group for exclusive in (True, False) for group in groups if group["exclusive"] is exclusive]
    logits = dict(zip([label for group in in_order for label in group["labels"]], raw["logits"], strict=True))
    paths: dict[int, list[int]] = {-1: []}
    scores = {}
    for group in groups:
        values = np.array([logits[label] for label in group["labels"]])
        if group["exclusive"]:
            values = np.exp(values - values.max())
            values /= values.sum()
            predicted = [int(values.argmax())]
        else:
            values = 1 / (1 + np.exp(-values))
            predicted = np.flatnonzero(values > 0.5).tolist()
        for i in predicted:
            label = group["labels"][i]
            if group["parent"] in paths and values[i] >= about["score_threshold"]:
                paths[label] = [*paths[group["parent"]], label]
                scores[label] = round(float(values[i]), 5)
    names = about["labels"]["names"]
    return {"labels": [{"label": names[i], "score": scores[i]} for i in sorted(scores, key=lambda i: paths[i])]}
