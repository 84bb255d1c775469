"""The typed base of every multi-label classifier; `otx.core.classifier` says what an adapter writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from otx.core.classifier import OTXClassifier
from otx.core.metric import MetricResult
from otx.core.task import OTXTaskType
from otx.tasks.multi_label_classification.decode import THRESHOLD, decode
from otx.tasks.multi_label_classification.entity import MultiLabelClsBatchDataEntity, MultiLabelClsBatchPredEntity

EXTREME = 0.01
"""Thresholds stay that far away from 0 and 1, so that scores counted from them do not melt into one."""


class OTXMultiLabelClsModel(OTXClassifier[MultiLabelClsBatchDataEntity, MultiLabelClsBatchPredEntity]):
    """A multi-label classifier of any framework.

    Attributes:
        focus: Exponent by which easy negatives weigh less.
        margin: Probability below which a negative does not count at all.
        thresholds: Buffer (C,): the probability from which each label counts as true, where validation had its best F1.
    """

    task = OTXTaskType.MULTI_LABEL_CLS
    batch_type = MultiLabelClsBatchDataEntity
    decode = staticmethod(decode)
    focus: float = 4.0
    margin: float = 0.05
    thresholds: Tensor

    def complete(self) -> None:
        """Add the thresholds."""
        super().complete()
        self.register_buffer("thresholds", torch.full((len(self.label_info),), 0.5))

    def losses(self, outputs: Any, batch: MultiLabelClsBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """The asymmetric loss."""
        loss_BC = asymmetric_loss(self.logits(outputs).float(), batch.labels, self.focus, self.margin)
        return {"asymmetric": loss_BC.sum(dim=1).mean()}

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """The logits, counted from the thresholds."""
        return {"logits": self.logits(outputs) - _logit(self.thresholds)}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """The rows of the head, and one threshold per label."""
        return {**super().label_rows(labels), "thresholds": torch.arange(labels).unsqueeze(1)}

    @property
    def threshold(self) -> float:
        """That of the scores, which are counted from the threshold of each label."""
        return THRESHOLD

    def adopt_validation(self, result: MetricResult) -> None:
        """Keep the threshold at which each label had its best F1; labels that did not occur keep theirs."""
        found = [result.per_class.get(name, {}).get("f1_threshold", THRESHOLD) for name in self.label_info.names]
        # Scores were counted from the thresholds so far, and so are the new ones.
        moved = _logit(self.thresholds) + _logit(torch.tensor(found).to(self.thresholds))
        self.thresholds.copy_(moved.sigmoid().clamp(EXTREME, 1 - EXTREME))


def asymmetric_loss(logits_BC: Tensor, truth_BC: Tensor, focus: float, margin: float) -> Tensor:
    """(B, C) losses in which the many easy negatives weigh little (Ridnik et al. 2021, arXiv 2009.14119).

    Args:
        logits_BC: Before the sigmoid.
        truth_BC: Whether each label is true.
        focus: The paper's gamma minus; its gamma plus is 0.
        margin: The paper's m.
    """
    kept_BC = (logits_BC.sigmoid() - margin).clamp_min(0)
    negative_BC = -(kept_BC**focus) * torch.log1p(-kept_BC.clamp_max(1 - 1e-6))
    return torch.where(truth_BC, -F.logsigmoid(logits_BC), negative_BC)


def _logit(probability: Tensor) -> Tensor:
    return torch.log(probability / (1 - probability))  # Tensor.logit has no counterpart in OpenVINO
