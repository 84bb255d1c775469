"""The typed base of every anomaly model: an adapter gives maps, the rest is done here.

An adapter of a network family writes `create_model`, `customize_inputs(batch)` (the arguments of the network) and

    anomaly_map(outputs)       what the network returned in eval mode -> (B, 1, H, W), higher where it is less normal
    losses(outputs, batch)     what it returned in training mode -> named losses; none where nothing is minimised
    finish_epoch()             for networks that are fitted to what they have seen in an epoch

One class serves the three tasks of the family; the catalog row says which of them a model solves.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from otx.core.decoded_model import OTXDecodedModel
from otx.core.metric import MetricResult
from otx.core.task import OTXTaskType
from otx.tasks.anomaly.decode import decode, decode_boxes
from otx.tasks.anomaly.entity import AnomalyBatchDataEntity, AnomalyBatchPredEntity


class OTXAnomalyModel(OTXDecodedModel[AnomalyBatchDataEntity, AnomalyBatchPredEntity]):
    """An anomaly model of any framework.

    Attributes:
        image_threshold: Buffer: the highest value of a map at which validation had its best F1 over images.
        pixel_threshold: Buffer: the value at which it had its best F1 over pixels; that of images without masks.
        normalization_scale: Buffer: the range of the maps of validation.
    """

    task: str = OTXTaskType.ANOMALY_SEGMENTATION
    batch_type = AnomalyBatchDataEntity
    image_threshold: Tensor
    pixel_threshold: Tensor
    normalization_scale: Tensor

    def complete(self) -> None:
        """Add what validation finds."""
        super().complete()
        # With these, normalising changes nothing.
        self.register_buffer("image_threshold", torch.tensor(0.5))
        self.register_buffer("pixel_threshold", torch.tensor(0.5))
        self.register_buffer("normalization_scale", torch.tensor(1.0))

    @abstractmethod
    def anomaly_map(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """(B, 1, H, W) in pixels of the input, from what the network returned in eval mode; must trace."""

    def losses(self, outputs: Any, batch: AnomalyBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Named scalar losses, already weighted; none for networks that only look at training images."""
        return {}

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned in eval mode as the map that `decode` reads."""
        return {"anomaly_map": self.anomaly_map(outputs)}

    def predictions(self, raw: Mapping[str, Tensor], batch: AnomalyBatchDataEntity) -> AnomalyBatchPredEntity:
        """Scores and maps, and boxes for anomaly detection."""
        read = decode_boxes if self.task == OTXTaskType.ANOMALY_DETECTION else decode
        return read(raw, batch.images, batch.imgs_info, **self.decode_settings())

    def decode_settings(self) -> dict[str, Any]:
        """What validation has found: both thresholds, and the scale that scores are brought to."""
        return {
            "image_threshold": float(self.image_threshold),
            "pixel_threshold": float(self.pixel_threshold),
            "normalization_scale": float(self.normalization_scale),
        }

    @property
    def threshold(self) -> float:
        """The score from which an image is anomalous; scores are brought to a scale on which it is always this."""
        return 0.5

    def adopt_validation(self, result: MetricResult) -> None:
        """Take over thresholds and range, which are on the scale of the predictions, that is of the old values."""
        found, scale = result.values, float(self.normalization_scale)
        if "score_range" not in found:
            return
        image = float(self.image_threshold) + (found["image_threshold"] - 0.5) * scale
        pixel = image
        if "pixel_threshold" in found:
            pixel = float(self.pixel_threshold) + (found["pixel_threshold"] - 0.5) * scale
        self.image_threshold.fill_(image)
        self.pixel_threshold.fill_(pixel)
        if found["score_range"] > 0:
            self.normalization_scale.fill_(scale * found["score_range"])
