"""The typed base of every detector; `otx.core.object_model` says what an adapter writes.

`raw_outputs` gives `boxes` and `labels`, see `decode.py`; NMS is asked for by `nms_iou`.
"""

from __future__ import annotations

from typing import Any

from otx.core.object_model import OTXObjectModel
from otx.core.task import OTXTaskType
from otx.tasks.detection.decode import decode
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity


class OTXDetectionModel(OTXObjectModel[DetBatchDataEntity, DetBatchPredEntity]):
    """A detector of any framework.

    Attributes:
        nms_iou: Overlap above which the weaker box of a class is dropped; None for networks that need no NMS.
    """

    task = OTXTaskType.DETECTION
    batch_type = DetBatchDataEntity
    decode = staticmethod(decode)
    nms_iou: float | None = None

    def decode_settings(self) -> dict[str, Any]:
        """Overlap for NMS and the number of boxes to keep."""
        return {"nms_iou": self.nms_iou, **super().decode_settings()}
