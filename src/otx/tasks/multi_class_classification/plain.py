"""Raw outputs -> a record of `predictions.json`, as the task's decoding does it, with numpy alone: for bundles."""

from __future__ import annotations

from typing import Any

import numpy as np


def decode(raw: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """The five best labels."""
    scores = np.exp(raw["logits"] - raw["logits"].max())
    scores /= scores.sum()
    best = np.argsort(-scores, kind="stable")[:5]
    return {"labels": [{"label": about["labels"]["names"][i], "score": round(float(scores[i]), 5)} for i in best]}
