"""Accuracy level by level, and F1 over whole paths."""

from __future__ import annotations

import torch
from torch import Tensor

from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.tasks.hierarchical_classification.entity import HLabelClsBatchDataEntity, HLabelClsBatchPredEntity


class HLabelClsMetric:
    """Share of right answers, and hierarchical F1 (Kiritchenko et al. 2006).

    A group of labels is a question that is asked of an image if its parent is true, and of an exclusive group if the
    answer is known. It is answered right if all its labels are predicted as they are. `accuracy` is the share of images
    with every question answered right, `accuracy_level_1` (the top), `accuracy_level_2`, ... that of right answers on a
    level. `hierarchical_f1` compares the sets of predicted and true labels, each with those above them, over all
    images; labels of questions whose answer is not known are left out.

    Args:
        label_info: Classes in output order.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        self.label_info = label_info
        self.levels = max(len(label_info.path(name)) for name in label_info.names)
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        classes = len(self.label_info)
        self._images = self._right_images = 0
        self._asked, self._right = [0] * self.levels, [0] * self.levels
        self._hits, self._truths, self._found = (torch.zeros(classes, dtype=torch.int64) for _ in range(3))

    def update(self, prediction: HLabelClsBatchPredEntity, truth: HLabelClsBatchDataEntity) -> None:
        """Add a batch."""
        true, found = truth.labels.cpu(), prediction.labels.cpu()
        wrong_B = torch.zeros(len(true), dtype=torch.bool)
        known_BC = torch.zeros_like(true)
        for group in self.label_info.questions():
            own = [self.label_info.names.index(name) for name in group.labels]
            parent_B, above_known_B = torch.ones_like(wrong_B), torch.ones_like(wrong_B)
            if group.parent:
                parent = self.label_info.names.index(group.parent)
                parent_B, above_known_B = true[:, parent], known_BC[:, parent]
            asked_B = true[:, own].any(dim=1) if group.exclusive else parent_B
            right_B = (true[:, own] == found[:, own]).all(dim=1)
            level = len(self.label_info.path(group.labels[0])) - 1
            self._asked[level] += int(asked_B.sum())
            self._right[level] += int((right_B & asked_B).sum())
            wrong_B |= asked_B & ~right_B
            # Nothing is true below a parent that is false; only an answer that nobody gave is not known.
            known_BC[:, own] = (above_known_B & (asked_B | ~parent_B)).unsqueeze(1)
        self._images += len(true)
        self._right_images += int((~wrong_B).sum())
        found = found & known_BC
        self._hits += (true & found).sum(dim=0)
        self._truths += true.sum(dim=0)
        self._found += found.sum(dim=0)

    def compute(self) -> MetricResult:
        """Figures over all batches; zero where there were none."""
        values = {"accuracy": self._right_images / max(self._images, 1)}
        if self.levels > 1:
            for level, (right, asked) in enumerate(zip(self._right, self._asked, strict=True), start=1):
                values[f"accuracy_level_{level}"] = right / max(asked, 1)
        values["hierarchical_f1"] = float(_f1(self._hits.sum(), self._truths.sum(), self._found.sum()))
        per_class = {
            name: {
                "precision": float(self._hits[index] / self._found[index].clamp_min(1)),
                "recall": float(self._hits[index] / self._truths[index].clamp_min(1)),
                "f1": float(_f1(self._hits[index], self._truths[index], self._found[index])),
            }
            for index, name in enumerate(self.label_info.names)
            if self._truths[index] + self._found[index] > 0
        }
        return MetricResult(values, per_class)


def _f1(hits: Tensor, truths: Tensor, found: Tensor) -> Tensor:
    return 2 * hits / (truths + found).clamp_min(1)
