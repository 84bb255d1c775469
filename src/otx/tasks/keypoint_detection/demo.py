"""A keypoint set made of handwritten digits, in COCO's format: where the ink of each digit ends on four sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from otx.data.digit_scenes import write_scenes
from otx.data.digits import Placed

CATEGORY = {"id": 1, "name": "digit", "keypoints": ["top", "bottom", "left", "right"], "skeleton": [[1, 2], [3, 4]]}
INK = 0.5
"""Coverage from which a point is the end of a stroke."""


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `images/{train,val,test}` and `annotations/instances_{train,val,test}.json`; same seed, same set."""
    write_scenes(root, seed, _keypoints, [CATEGORY])


def _keypoints(digit: Placed) -> dict[str, Any]:
    """Top, bottom, left and right end of the ink: the middle of the outermost row or column that holds some."""
    ink = digit.ink > min(INK, float(digit.ink.max()) / 2)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    ends = [
        *((np.flatnonzero(ink[y]).mean(), y) for y in (rows[0], rows[-1])),
        *((x, np.flatnonzero(ink[:, x]).mean()) for x in (columns[0], columns[-1])),
    ]
    left, top = digit.box[:2]
    points = [(round(float(left + x + 0.5), 2), round(float(top + y + 0.5), 2), 2) for x, y in ends]
    return {"category_id": 1, "keypoints": [value for point in points for value in point], "num_keypoints": len(points)}
