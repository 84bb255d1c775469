"""The typed base of every keypoint model; `otx.core.object_model` says what an adapter writes.

`raw_outputs` gives `boxes`, `labels` and `keypoints`, see `decode.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.object_model import OTXObjectModel
from otx.core.task import OTXTaskType
from otx.tasks.keypoint_detection.decode import decode
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity, KeypointBatchPredEntity


class OTXKeypointModel(OTXObjectModel[KeypointBatchDataEntity, KeypointBatchPredEntity]):
    """A model of any framework that finds objects and their keypoints.

    Raises:
        UserError: The labels come without keypoints.
    """

    task = OTXTaskType.KEYPOINT_DETECTION
    batch_type = KeypointBatchDataEntity
    decode = staticmethod(decode)

    def __init__(
        self, label_info: LabelInfo, input_spec: InputSpec, arch: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        if not label_info.keypoints:
            raise UserError(f"expected labels with keypoints, found none for {', '.join(label_info.names)}")
        super().__init__(label_info, input_spec, arch, options)
