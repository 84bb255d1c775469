"""The form of `predictions.json`, in which truth and predictions are written, drawn and compared by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo


def image_record(info: ImageInfo, **content: Any) -> dict[str, Any]:  # noqa: ANN401 - `objects`, `labels` or what a task has
    """The entry of an image."""
    return {"image": info.path, "width": info.width, "height": info.height, **content}


def rounded(rows: Tensor) -> list[list[float]]:
    """(N, K) coordinates in hundredths of a pixel."""
    return [[round(value, 2) for value in row] for row in rows.tolist()]


def object_entries(
    labels: LabelInfo, ids: Tensor, boxes: Tensor, scores: Tensor | None = None, **more: Sequence[Any]
) -> list[dict[str, Any]]:
    """The `objects` of an image.

    Args:
        labels: Names of the classes.
        ids: (N,) class indices.
        boxes: (N, 4) XYXY in pixels of the original image.
        scores: (N,) of predictions; None for truth.
        more: What else there is to say of each object.
    """
    columns: dict[str, Sequence[Any]] = {
        "label": [labels.names[label] for label in ids.tolist()],
        "bbox": rounded(boxes),
        **more,
    }
    if scores is not None:
        columns["score"] = [round(score, 5) for score in scores.tolist()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
