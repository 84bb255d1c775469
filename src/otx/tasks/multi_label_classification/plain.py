"""Raw outputs -> a record of `predictions.json`, as the task's decoding does it, with numpy alone: for bundles."""

from __future__ import annotations

from typing import Any

import numpy as np


def decode(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The labels that reach the threshold, best first."""
    scores = 1 / (1 + np.exp(-raw["logits"]))
    best = [i for i in np.argsort(-scores, kind="stable") if scores[i] >= about["score_threshold"]]
    return {"labels": [{"label": about["labels"]["names"][i], "score": round(float(scores[i]), 5)} for i in best]}
