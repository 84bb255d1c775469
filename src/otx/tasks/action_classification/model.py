"""The typed base of every action classifier: an adapter gives logits of clips, the rest is done here.

An adapter writes what one of `otx.tasks.multi_class_classification.model` writes; `batch.images` is
(B K, T, C, H, W), and what `raw_outputs` gives has a row per clip.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from otx.core.task import OTXTaskType
from otx.tasks.action_classification.decode import decode
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel


class OTXActionClsModel(OTXMultiClassClsModel):
    """An action classifier of any framework."""

    task = OTXTaskType.ACTION_CLASSIFICATION
    decode = staticmethod(decode)
    soft_labels = False

    def losses(self, outputs: Any, batch: MultiClassClsBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Cross-entropy of each clip, whose label is that of its video."""
        logits = self.raw_outputs(outputs, batch.images)["logits"]
        labels = batch.labels.repeat_interleave(len(logits) // len(batch.labels))
        return {"cross_entropy": F.cross_entropy(logits.float(), labels, label_smoothing=self.label_smoothing)}
