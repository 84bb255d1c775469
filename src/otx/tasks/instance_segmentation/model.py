"""The typed base of every instance-segmentation model: an adapter gives losses and raw outputs, the rest is done here.

An adapter of a network family writes `create_model` and three functions:

    customize_inputs(batch)        arguments of the network; truth only in training mode, pixels alone in eval mode
    losses(outputs, batch)         what the network returned in training mode -> named losses
    raw_outputs(outputs, images)   what it returned in eval mode -> {"boxes", "labels", "masks"}, see `decode.py`

and, where rows of the head can be kept for another label set, `label_rows`.
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
from otx.tasks.instance_segmentation.decode import decode
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity, InstanceSegBatchPredEntity


class OTXInstanceSegModel(OTXModel[InstanceSegBatchDataEntity, InstanceSegBatchPredEntity]):
    """An instance-segmentation model of any framework.

    Args:
        label_info: Classes in output order.
        input_spec: Size and normalisation of the input.
        arch: The framework's name of the architecture.
        options: What else is needed to build a variant of it.

    Attributes:
        max_detections: The most objects per image that `decode` returns.
        score_threshold: Buffer: the confidence at which validation had its best F1.
    """

    task = OTXTaskType.INSTANCE_SEGMENTATION
    max_detections: int = 100
    score_threshold: Tensor

    def __init__(
        self, label_info: LabelInfo, input_spec: InputSpec, arch: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(label_info, input_spec, arch, options)
        self.register_buffer("score_threshold", torch.tensor(0.5))

    @abstractmethod
    def losses(self, outputs: Any, batch: InstanceSegBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Named scalar losses, already weighted, from what the network returned in training mode."""

    @abstractmethod
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned in eval mode as the named tensors that `decode` reads; must trace.

        Args:
            outputs: Return value of the network's `forward`.
            images: (B, C, H, W) what it was fed, for the size.
        """

    def customize_outputs(
        self,
        outputs: Any,  # noqa: ANN401
        batch: InstanceSegBatchDataEntity,
    ) -> InstanceSegBatchPredEntity | OTXBatchLossEntity:
        """Losses in training mode, else objects in pixels of the original images."""
        if self.training:
            return OTXBatchLossEntity(self.losses(outputs, batch))
        raw = self.raw_outputs(outputs, batch.images)
        return decode(raw, batch.images, batch.imgs_info, **self.decode_settings())

    def export_graph(self) -> nn.Module:
        """The network from pixels to `boxes`, `labels` and `masks`, by the same code as predictions in eval mode."""
        return RawGraph(self, self.raw_from_images)

    def raw_from_images(self, images: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) pixels -> what `decode` reads."""
        batch = InstanceSegBatchDataEntity(images=images, imgs_info=[], bboxes=[], labels=[], masks=[], rles=[])
        return self.raw_outputs(self.model(**self.customize_inputs(batch)), images)

    def decode_settings(self) -> dict[str, Any]:
        """The number of objects to keep."""
        return {"max_detections": self.max_detections}

    @property
    def threshold(self) -> float:
        """The confidence at which validation had its best F1."""
        return float(self.score_threshold)

    def adopt_validation(self, result: MetricResult) -> None:
        """Keep the score threshold of the best F1."""
        if "f1_threshold" in result.values:
            self.score_threshold.fill_(result.values["f1_threshold"])
