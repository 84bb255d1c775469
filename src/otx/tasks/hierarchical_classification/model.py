"""The typed base of every hierarchical classifier; `otx.core.classifier` says what an adapter writes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from otx.core.classifier import OTXClassifier
from otx.core.task import OTXTaskType
from otx.tasks.hierarchical_classification.decode import columns, decode
from otx.tasks.hierarchical_classification.entity import HLabelClsBatchDataEntity, HLabelClsBatchPredEntity


class OTXHLabelClsModel(OTXClassifier[HLabelClsBatchDataEntity, HLabelClsBatchPredEntity]):
    """A hierarchical classifier of any framework: a logit per label, in the order of the labels.

    Attributes:
        label_smoothing: Share of the target that is spread over the labels of an exclusive group, in [0, 1).
    """

    task = OTXTaskType.H_LABEL_CLS
    batch_type = HLabelClsBatchDataEntity
    decode = staticmethod(decode)
    label_smoothing: float = 0.1

    def losses(self, outputs: Any, batch: HLabelClsBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """How unlikely what is known of an image is, summed over the tree: cross-entropy in each group.

        Of an exclusive group without a true label nothing is known. A label that stands for itself is known to be
        false where the label above it is true.
        """
        logits = self.logits(outputs).float()
        exclusive, alone = logits.sum() * 0, logits.sum() * 0
        for group in self.decode_settings()["groups"]:
            own, parent = logits[:, group["labels"]], group["parent"]
            truth = batch.labels[:, group["labels"]]
            if group["exclusive"]:
                known = truth.any(dim=1)
                loss = F.cross_entropy(own, truth.int().argmax(dim=1), reduction="none",
                                       label_smoothing=self.label_smoothing)  # fmt: skip
                exclusive = exclusive + (loss * known).sum()
            else:
                known = batch.labels[:, parent] if parent >= 0 else torch.ones_like(truth[:, 0])
                loss = F.binary_cross_entropy_with_logits(own, truth.float(), reduction="none").sum(dim=1)
                alone = alone + (loss * known).sum()
        return {"cross_entropy": exclusive / len(logits), "binary_cross_entropy": alone / len(logits)}

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """The logits in the order of `decode`."""
        return {"logits": self.logits(outputs)[:, columns(self.decode_settings()["groups"])]}

    def decode_settings(self) -> dict[str, Any]:
        """The tree by class indices."""
        index = {name: position for position, name in enumerate(self.label_info.names)}
        groups = [
            {
                "labels": [index[label] for label in group.labels],
                "parent": index.get(group.parent, -1),
                "exclusive": group.exclusive,
            }
            for group in self.label_info.questions()
        ]
        return {"groups": groups}
