"""A line of YOLO's label files, made into Datumaro's annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from datumaro import Annotation, Bbox, Points, Polygon

from otx.core.errors import UserError

BOX = 4
LEAST_OUTLINE = 6


@dataclass(frozen=True)
class Keypoints:
    """The keypoints of each object.

    Attributes:
        names: One per keypoint.
        numbers: How many numbers a line has for each: x and y, and perhaps 0 not labelled, 1 hidden, 2 visible.
    """

    names: tuple[str, ...]
    numbers: int


def declared_keypoints(shape: Any, partners: Any, path: str) -> Keypoints:  # noqa: ANN401 - YAML
    """Keypoints as `kpt_shape` and `flip_idx` of a YAML file declare them.

    They have numbers for names; what a mirror swaps becomes `left` and `right`.

    Args:
        shape: How many keypoints, and how many numbers for each.
        partners: For each keypoint the one that it becomes in a mirror; None: itself.
        path: The file, for messages.

    Raises:
        UserError: They are not of that form.
    """
    try:
        count, numbers = shape
        partners = list(range(count)) if partners is None else [int(one) for one in partners]
        sides = ["" if i == partners[i] else " left" if i < partners[i] else " right" for i in range(count)]
        return Keypoints(tuple(f"{min(i, partners[i]) + 1}{sides[i]}" for i in range(count)), {2: 2, 3: 3}[numbers])
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise UserError(
            f"expected in {path} a kpt_shape such as [17, 3] and a flip_idx of as many numbers, "
            f"found {shape!r} and {partners!r}"
        ) from error


def objects_of(
    line: str, group: int, size: tuple[int, int], classes: int, keypoints: Keypoints | None
) -> list[Annotation]:
    """What a line stands for: a box, a box with keypoints, or an outline, of which a rotated box has four corners.

    Args:
        line: An id and numbers relative to the image as it is shown; Datumaro's own reader takes its size from before
            the rotation, and knows boxes only.
        group: What the annotations of one object share.
        size: Height and width of the image.
        classes: How many there are.
        keypoints: What each object has; None: there may be outlines.

    Raises:
        ValueError: It is of no such form, or the class is unknown.
    """
    number, *place = line.split()
    count = len(place)
    wanted = BOX + len(keypoints.names) * keypoints.numbers if keypoints else BOX
    outline = keypoints is None and count >= LEAST_OUTLINE and count % 2 == 0
    if not (count in (BOX, wanted) or outline) or not number.isdecimal() or int(number) >= classes:
        form = f"{wanted} numbers" if keypoints else "'x y w h' or an outline 'x1 y1 x2 y2 x3 y3 ...'"
        raise ValueError(f"expected one of {classes} classes and {form}, found {line[:60]!r}")
    label, scale = int(number), np.array(size[::-1])
    if outline:
        corners_N2 = np.array(place, np.float64).reshape(-1, 2) * scale
        return [Polygon(corners_N2.ravel().tolist(), label=label, group=group)]
    centre, sides = np.array(place[:BOX], np.float64).reshape(2, 2) * scale
    found: list[Annotation] = [Bbox(*(centre - sides / 2), *sides, label=label, group=group)]
    if keypoints and count == wanted:
        points = np.array(place[BOX:], np.float64).reshape(-1, keypoints.numbers)
        seen = points[:, 2] if keypoints.numbers > 2 else points.any(axis=1) * 2
        found.append(
            Points((points[:, :2] * scale).ravel().tolist(), seen.astype(int).tolist(), label=label, group=group)
        )
    return found
