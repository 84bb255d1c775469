"""The typed base of every instance-segmentation model; `otx.core.object_model` says what an adapter writes.

`raw_outputs` gives `boxes`, `labels` and `masks`, see `decode.py`.
"""

from __future__ import annotations

from otx.core.object_model import OTXObjectModel
from otx.core.task import OTXTaskType
from otx.tasks.instance_segmentation.decode import decode
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity, InstanceSegBatchPredEntity


class OTXInstanceSegModel(OTXObjectModel[InstanceSegBatchDataEntity, InstanceSegBatchPredEntity]):
    """An instance-segmentation model of any framework."""

    task = OTXTaskType.INSTANCE_SEGMENTATION
    batch_type = InstanceSegBatchDataEntity
    decode = staticmethod(decode)
