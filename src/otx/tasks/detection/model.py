"""The typed base of every detector: an adapter gives losses and raw outputs, the rest is done here.

An adapter of a network family writes `create_model` and three functions:

    customize_inputs(batch)        arguments of the network; truth only in training mode, pixels alone in eval mode
    losses(outputs, batch)         what the network returned in training mode -> named losses
    raw_outputs(outputs, images)   what it returned in eval mode -> {"boxes", "labels"}, see `decode.py`

and, where rows of the head can be kept for another label set, `label_rows`. NMS is asked for by `nms_iou`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.core.model import OTXModel
from otx.core.raw_graph import RawGraph
from otx.core.task import OTXTaskType
from otx.tasks.detection.decode import decode
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity


class OTXDetectionModel(OTXModel[DetBatchDataEntity, DetBatchPredEntity]):
    """A detector of any framework.

    Args:
        label_info: Classes in output order.
        input_spec: Size and normalisation of the input.
        arch: The framework's name of the architecture.
        options: What else is needed to build a variant of it.

    Attributes:
        nms_iou: Overlap above which the weaker box of a class is dropped; None for networks that need no NMS.
        max_detections: The most boxes per image that `decode` returns.
        score_threshold: Buffer: the confidence at which validation had its best F1.
    """

    task = OTXTaskType.DETECTION
    nms_iou: float | None = None
    max_detections: int = 100
    score_threshold: Tensor

    def __init__(
        self, label_info: LabelInfo, input_spec: InputSpec, arch: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(label_info, input_spec, arch, options)
        self.register_buffer("score_threshold", torch.tensor(0.5))

    @abstractmethod
    def losses(self, outputs: Any, batch: DetBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Named scalar losses, already weighted, from what the network returned in training mode."""

    @abstractmethod
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned in eval mode as the named tensors that `decode` reads; must trace.

        Args:
            outputs: Return value of the network's `forward`.
            images: (B, C, H, W) what it was fed, for the size.
        """

    def customize_outputs(self, outputs: Any, batch: DetBatchDataEntity) -> DetBatchPredEntity | OTXBatchLossEntity:  # noqa: ANN401
        """Losses in training mode, else detections in pixels of the original images."""
        if self.training:
            return OTXBatchLossEntity(self.losses(outputs, batch))
        raw = self.raw_outputs(outputs, batch.images)
        return decode(raw, batch.images, batch.imgs_info, **self.decode_settings())

    def export_graph(self) -> nn.Module:
        """The network from pixels to `boxes` and `labels`, by the same code as predictions in eval mode."""
        return RawGraph(self, self._raw_from_images)

    def _raw_from_images(self, images: Tensor) -> dict[str, Tensor]:
        batch = DetBatchDataEntity(images=images, imgs_info=[], bboxes=[], labels=[])
        return self.raw_outputs(self.model(**self.customize_inputs(batch)), images)

    def decode_settings(self) -> dict[str, Any]:
        """Overlap for NMS and the number of boxes to keep."""
        return {"nms_iou": self.nms_iou, "max_detections": self.max_detections}

    @property
    def threshold(self) -> float:
        """The confidence at which validation had its best F1."""
        return float(self.score_threshold)

    def adopt_validation(self, result: MetricResult) -> None:
        """Keep the score threshold of the best F1."""
        if "f1_threshold" in result.values:
            self.score_threshold.fill_(result.values["f1_threshold"])
