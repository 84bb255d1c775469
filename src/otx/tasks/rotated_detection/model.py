"""The typed base of rotated detection, complete as it stands: a detector made of any instance-segmentation model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor, nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.object_model import OTXObjectModel
from otx.core.refs import resolve
from otx.core.task import OTXTaskType
from otx.tasks.instance_segmentation.model import OTXInstanceSegModel
from otx.tasks.rotated_detection.decode import decode
from otx.tasks.rotated_detection.entity import RotatedDetBatchDataEntity, RotatedDetBatchPredEntity


class OTXRotatedDetModel(OTXObjectModel[RotatedDetBatchDataEntity, RotatedDetBatchPredEntity]):
    """An instance-segmentation model that learns rotated boxes as masks.

    `arch` is handed to that model; `options` are `instances`, its adapter, and `options`, its own options.

    Attributes:
        rotated_nms_iou: Overlap above which the weaker of two rotated boxes of a class is dropped.
    """

    task = OTXTaskType.ROTATED_DETECTION
    batch_type = RotatedDetBatchDataEntity
    decode = staticmethod(decode)
    rotated_nms_iou: float = 0.3

    def complete(self) -> None:
        """Take over what the instance-segmentation model says of itself."""
        super().complete()
        self.exports_batch_of_one = self._instances.exports_batch_of_one
        self.max_detections = self._instances.max_detections

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
        return self.predictions(self.raw_from_images(batch.images), batch)

    def customize_inputs(self, batch: RotatedDetBatchDataEntity) -> dict[str, Any]:
        """What the network inside the instance-segmentation model is fed."""
        return self._instances.customize_inputs(batch.with_masks())

    def losses(self, outputs: Any, batch: RotatedDetBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """What that network returned as losses of the masks."""
        return self._instances.losses(outputs, batch.with_masks())

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What that network returned as objects with masks."""
        return self._instances.raw_outputs(outputs, images)

    def raw_from_images(self, images: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) pixels -> objects with masks."""
        return self._instances.raw_from_images(images)

    def decode_settings(self) -> dict[str, Any]:
        """Overlap for suppression and the number of boxes to keep."""
        return {"rotated_nms_iou": self.rotated_nms_iou, **super().decode_settings()}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """Those of the instance-segmentation model."""
        return {f"model.{key}": rows for key, rows in self._instances.label_rows(labels).items()}

    def convert_pretrained(self, state: Mapping[str, Tensor], part: str = "") -> dict[str, Tensor]:
        """As the instance-segmentation model reads them; `part` names a part of its network."""
        inner = self._instances.convert_pretrained(state, part.removeprefix("model."))
        return {f"model.{key}": tensor for key, tensor in inner.items()}
