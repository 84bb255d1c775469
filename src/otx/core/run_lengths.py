"""COCO's run lengths with numpy alone, for deployment bundles; OTX itself takes `otx.core.masks`."""

from __future__ import annotations

from typing import Any

import numpy as np


def run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """A mask as COCO's tools read it."""
    flat, text = mask.T.ravel().astype(np.int8), ""
    runs = np.diff([0, *np.flatnonzero(np.diff(flat, prepend=0)), flat.size]).tolist()
    for position, run in enumerate(runs):
        value, more = run - (runs[position - 2] if position > 2 else 0), True
        while more:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            text += chr(48 + bits + 32 * more)
    return {"size": list(mask.shape), "counts": text}
