"""The typed base of rotated detection, complete as it stands: a detector made of any instance-segmentation model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.core.model import OTXModel
from otx.core.raw_graph import RawGraph
from otx.core.refs import resolve
from otx.core.task import OTXTaskType
from otx.tasks.instance_segmentation.model import OTXInstanceSegModel
from otx.tasks.rotated_detection.decode import decode
from otx.tasks.rotated_detection.entity import RotatedDetBatchDataEntity, RotatedDetBatchPredEntity


class OTXRotatedDetModel(OTXModel[RotatedDetBatchDataEntity, RotatedDetBatchPredEntity]):
    """An instance-segmentation model that learns rotated boxes as masks.

    Args:
        label_info: Classes in output order.
        input_spec: Size and normalisation of the input.
        arch: Handed to the instance-segmentation model.
        options: `instances`, the adapter of that model, and `options`, its own options.

    Attributes:
        rotated_nms_iou: Overlap above which the weaker of two rotated boxes of a class is dropped.
        score_threshold: Buffer: the confidence at which validation had its best F1.
    """

    task = OTXTaskType.ROTATED_DETECTION
    rotated_nms_iou: float = 0.3
    score_threshold: Tensor

    def __init__(
        self, label_info: LabelInfo, input_spec: InputSpec, arch: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(label_info, input_spec, arch, options)
        self.exports_batch_of_one = self._instances.exports_batch_of_one
        self.register_buffer("score_threshold", torch.tensor(0.5))

    def create_model(self) -> nn.Module:
        """Build the instance-segmentation model."""
        model: OTXInstanceSegModel = resolve(self.options["instances"])(
            self.label_info, self.input_spec, self.arch, self.options["options"]
        )
        return model

    @property
    def _instances(self) -> OTXInstanceSegModel:
        return cast("OTXInstanceSegModel", self.model)

    def forward(self, batch: RotatedDetBatchDataEntity) -> RotatedDetBatchPredEntity | OTXBatchLossEntity:
        """Losses of the boxes drawn as masks in training mode, rotated boxes in eval mode."""
        if self.training:
            return cast("OTXBatchLossEntity", self._instances(batch.with_masks()))
        raw = self._instances.raw_from_images(batch.images)
        return decode(raw, batch.images, batch.imgs_info, **self.decode_settings())

    def customize_inputs(self, batch: RotatedDetBatchDataEntity) -> dict[str, Any]:
        """What the network inside the instance-segmentation model is fed."""
        return self._instances.customize_inputs(batch.with_masks())

    def customize_outputs(
        self,
        outputs: Any,  # noqa: ANN401
        batch: RotatedDetBatchDataEntity,
    ) -> RotatedDetBatchPredEntity | OTXBatchLossEntity:
        """What that network returned as losses or rotated boxes."""
        if self.training:
            return OTXBatchLossEntity(self._instances.losses(outputs, batch.with_masks()))
        raw = self._instances.raw_outputs(outputs, batch.images)
        return decode(raw, batch.images, batch.imgs_info, **self.decode_settings())

    def export_graph(self) -> nn.Module:
        """The graph of the instance-segmentation model."""
        return RawGraph(self, self._instances.raw_from_images)

    def decode_settings(self) -> dict[str, Any]:
        """Overlap for suppression and the number of boxes to keep."""
        return {"rotated_nms_iou": self.rotated_nms_iou, "max_detections": self._instances.max_detections}

    @property
    def threshold(self) -> float:
        """The confidence at which validation had its best F1."""
        return float(self.score_threshold)

    def adopt_validation(self, result: MetricResult) -> None:
        """Keep the score threshold of the best F1."""
        if "f1_threshold" in result.values:
            self.score_threshold.fill_(result.values["f1_threshold"])

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """Those of the instance-segmentation model."""
        return {f"model.{key}": rows for key, rows in self._instances.label_rows(labels).items()}

    def convert_pretrained(self, state: Mapping[str, Tensor], part: str = "") -> dict[str, Tensor]:
        """As the instance-segmentation model reads them; `part` names a part of its network."""
        inner = self._instances.convert_pretrained(state, part.removeprefix("model."))
        return {f"model.{key}": tensor for key, tensor in inner.items()}
