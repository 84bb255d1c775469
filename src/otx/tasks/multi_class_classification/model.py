"""The typed base of every multi-class classifier; `otx.core.classifier` says what an adapter writes."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from otx.core.classifier import OTXClassifier
from otx.core.task import OTXTaskType
from otx.tasks.multi_class_classification.decode import decode
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity


class OTXMultiClassClsModel(OTXClassifier[MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity]):
    """A classifier of any framework.

    Attributes:
        label_smoothing: Share of the target that is spread over all classes, in [0, 1).
    """

    task = OTXTaskType.MULTI_CLASS_CLS
    batch_type = MultiClassClsBatchDataEntity
    decode = staticmethod(decode)
    soft_labels = True
    label_smoothing: float = 0.1

    def losses(self, outputs: Any, batch: MultiClassClsBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Cross-entropy."""
        logits = self.logits(outputs).float()
        return {"cross_entropy": F.cross_entropy(logits, batch.labels, label_smoothing=self.label_smoothing)}
