"""Instance masks as COCO's run lengths: compact, exact, and what `predictions.json` holds. Imports no torch.

Shapes: N objects, H rows, W columns, h and w those of a mask at a network's own resolution. The run lengths go down
the columns, first the left one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from otx.core.tiles import Window

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

IGNORED = 255
"""In a mask of classes: pixels that count neither in a loss nor in a metric, as in VOC, Cityscapes and ADE20K."""


class Rle(TypedDict):
    """A mask as COCO's tools take it.

    Attributes:
        size: Height and width of the image.
        counts: Lengths of the runs, compressed.
    """

    size: list[int]
    counts: bytes


def _coco() -> Any:  # noqa: ANN401 - untyped
    """COCO's own functions, imported when there are masks."""
    from faster_coco_eval.core import mask

    return mask


def from_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Rle:
    """The union of polygons, cut to the image.

    Args:
        polygons: x, y, x, y, ... of each, at least three points, in pixels.
        size: Height and width of the image.
    """
    rle: Rle = _coco().merge(_coco().frPyObjects([np.ravel(points).tolist() for points in polygons], *size))
    return rle


def from_pixels(mask_HW: npt.NDArray[Any]) -> Rle:
    """The mask that is set where the array is not 0."""
    rle: Rle = _coco().encode(np.asfortranarray(mask_HW != 0, dtype=np.uint8))
    return rle


def from_runs(runs: Any, size: Sequence[int]) -> Rle:  # noqa: ANN401 - compressed or a list of numbers
    """The mask of run lengths as an annotation file has them."""
    if isinstance(runs, str | bytes):
        return {"size": list(size), "counts": runs.encode("ascii") if isinstance(runs, str) else runs}
    rle: Rle = _coco().frPyObjects({"size": list(size), "counts": runs}, *size)
    return rle


def union(rles: Sequence[Rle]) -> Rle:
    """The mask of everything that is in one of the masks."""
    rle: Rle = rles[0] if len(rles) == 1 else _coco().merge(list(rles))
    return rle


def to_pixels(rles: Sequence[Rle], size: tuple[int, int]) -> Pixels:
    """(N, H, W) 0 and 1."""
    if not rles:
        return np.zeros((0, *size), np.uint8)
    pixels: Pixels = np.ascontiguousarray(np.moveaxis(_coco().decode(list(rles)), 2, 0))
    return pixels


def boxes_of(rles: Sequence[Rle]) -> npt.NDArray[np.float64]:
    """(N, 4) XYXY around each mask; all 0 for an empty one."""
    if not rles:
        return np.zeros((0, 4))
    boxes: npt.NDArray[np.float64] = np.array(_coco().toBbox(list(rles)), np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def overlaps(rles_D: Sequence[Rle], rles_T: Sequence[Rle]) -> npt.NDArray[np.float64]:
    """(D, T) intersection over union."""
    if not rles_D or not rles_T:
        return np.zeros((len(rles_D), len(rles_T)))
    return np.asarray(_coco().iou(list(rles_D), list(rles_T), [0] * len(rles_T)), np.float64)


def to_json(rle: Rle) -> dict[str, Any]:
    """The form that JSON can hold, and that COCO's tools read."""
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}


def from_json(entry: dict[str, Any]) -> Rle:
    """Inverse of `to_json`."""
    return {"size": list(entry["size"]), "counts": entry["counts"].encode("ascii")}


def paste(mask_hw: Floats, box: Sequence[float], size: tuple[int, int]) -> Rle:
    """Enlarge what a network says of the inside of a box to the pixels of the image.

    Only the pixels of the box are looked at, so a hundred objects on a large image take neither its memory nor its time
    a hundredfold.

    Args:
        mask_hw: Confidence in [0, 1]; its cells share the box evenly. From 0.5 on a pixel belongs to the object.
        box: XYXY in pixels of the image.
        size: Height and width of the image.
    """
    window, left, top = enlarge(mask_hw, box, size)
    return _runs_of_window(window >= 0.5, left, top, size)


def enlarge(mask_hw: Floats, box: Sequence[float], size: tuple[int, int]) -> tuple[npt.NDArray[np.float32], int, int]:
    """The like as confidences of the pixels whose centres lie in the box, and the left and top one of them.

    Args:
        mask_hw: As in `paste`.
        box: As in `paste`.
        size: As in `paste`.
    """
    left, top, right, bottom = _inner_pixels(box, size)
    if right <= left or bottom <= top:
        return np.zeros((0, 0), np.float32), 0, 0
    across, down = mask_hw.shape[1] / (box[2] - box[0]), mask_hw.shape[0] / (box[3] - box[1])
    # From the centre of a pixel of the window to the cell there, whose index is its centre.
    to_cell = np.array(
        [
            [across, 0.0, (left + 0.5 - box[0]) * across - 0.5],
            [0.0, down, (top + 0.5 - box[1]) * down - 0.5],
        ]
    )
    window = cv2.warpAffine(
        np.asarray(mask_hw, np.float32),
        to_cell,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(window, np.float32), left, top


def cropped(rle: Rle, window: Window) -> Rle | None:
    """The part of a mask that lies in a window, as the mask of an image of its own; None if there is none."""
    top, left, height, width = window
    inside = to_pixels([rle], (rle["size"][0], rle["size"][1]))[0][top : top + height, left : left + width]
    return from_pixels(inside) if inside.any() else None


def moved(rle: Rle, left: int, top: int, size: tuple[int, int]) -> Rle:
    """The mask of a part of an image as a mask of the image, whose height and width are given."""
    inside = to_pixels([rle], (rle["size"][0], rle["size"][1]))[0]
    return _runs_of_window(inside > 0, left, top, size)


def _inner_pixels(box: Sequence[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of the pixels of an image whose centres lie in a box."""
    limits = (size[1], size[0], size[1], size[0])
    left, top, right, bottom = (
        int(min(max(np.ceil(edge - 0.5), 0), limit)) for edge, limit in zip(box, limits, strict=True)
    )
    return left, top, right, bottom


def _runs_of_window(window: npt.NDArray[np.bool_], left: int, top: int, size: tuple[int, int]) -> Rle:
    """Run lengths of a mask that is empty outside a window, without ever making the whole of it."""
    height, width = size
    columns = np.pad(window.T, ((0, 0), (1, 1))).astype(np.int8)
    column, row = np.nonzero(np.diff(columns, axis=1))
    flips = (left + column) * height + top + row
    # A run that reaches the bottom goes on at the top of the next column.
    joined = np.diff(flips, prepend=-1, append=-1) == 0
    flips = flips[~(joined[1:] | joined[:-1])]
    runs = np.diff(np.concatenate([[0], flips, [height * width]])).tolist()
    return from_runs(runs if runs[-1] else runs[:-1], size)


def encode_rle(mask_HW: npt.NDArray[Any]) -> dict[str, Any]:
    """The run lengths of the pixels that are not 0, ready for JSON."""
    return to_json(from_pixels(mask_HW))


def decode_rle(rle: Mapping[str, Any]) -> Pixels:
    """(H, W) 0 and 1; inverse of `encode_rle`, and of any other form that COCO files have."""
    height, width = rle["size"]
    pixels: Pixels = _coco().decode(_coco().segmToRle(dict(rle), width, height))
    return pixels


def fill_polygons(parts: Sequence[Sequence[float]], size: tuple[int, int]) -> Pixels:
    """(H, W) 0 and 1 of the pixels that any of the polygons of an object covers, by COCO's rule."""
    pixels: Pixels = to_pixels([from_polygons(parts, size)], size)[0]
    return pixels
