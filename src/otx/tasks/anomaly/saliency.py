"""What there is to explain in an anomaly."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from otx.core.saliency import Saliency
from otx.tasks.anomaly.entity import ANOMALOUS, AnomalyBatchPredEntity


class AnomalySaliency(Saliency[AnomalyBatchPredEntity]):
    """Explains what is anomalous; that nothing is needs no explanation."""

    def __init__(self, prediction: AnomalyBatchPredEntity, raw: Mapping[str, Tensor], threshold: float) -> None:
        score = float(prediction.scores[0])
        self.labels = [ANOMALOUS] if score >= threshold else []
        self.scores = [min(score, 1.0)] if self.labels else []
        self._map_HW = prediction.anomaly_maps[0]
        # Of an image without masks in validation all of the map may lie below the threshold for pixels.
        self._region_HW = self._map_HW >= min(0.5, float(self._map_HW.max()))

    def support(self, prediction: AnomalyBatchPredEntity) -> Tensor:
        """How anomalous the anomalous pixels still are."""
        return prediction.anomaly_maps[:, self._region_HW].clamp_min(0).mean(dim=1, keepdim=True)

    def maps(self) -> Tensor:
        """The anomaly map."""
        return self._map_HW.unsqueeze(0)
