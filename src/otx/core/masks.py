"""Masks as COCO writes them: run lengths in one string. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]

IGNORED = 255
"""In a mask of classes: pixels that count neither in a loss nor in a metric, as in VOC, Cityscapes and ADE20K."""


def encode_rle(mask_HW: npt.NDArray[Any]) -> dict[str, Any]:
    """The run-length encoding of a mask, ready for JSON.

    Args:
        mask_HW: Anything but 0 belongs to it.

    Returns:
        `size`, its height and width, and `counts`, the runs down the columns as pycocotools writes them.
    """
    from faster_coco_eval.core import mask

    rle = mask.encode(np.asfortranarray(mask_HW != 0, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def decode_rle(rle: Mapping[str, Any]) -> Mask:
    """(H, W) mask of 0 and 1; inverse of `encode_rle`, and of any other form that COCO files have."""
    from faster_coco_eval.core import mask

    height, width = rle["size"]
    decoded: Mask = mask.decode(mask.segmToRle(dict(rle), width, height))
    return decoded


def fill_polygons(parts: Sequence[Sequence[float]], size: tuple[int, int]) -> Mask:
    """(H, W) mask of the pixels that any of the polygons covers, by COCO's rule.

    Args:
        parts: Of one object; alternating x and y in pixels.
        size: Height and width of the image.
    """
    from faster_coco_eval.core import mask

    decoded: Mask = mask.decode(mask.segmToRle([list(part) for part in parts], size[1], size[0]))
    return decoded
