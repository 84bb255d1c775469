"""Accuracy level by level, and F1 over whole paths."""

from __future__ import annotations

import torch
from torch import Tensor

from otx.core.label_info import LabelInfo
from otx.core.metric import LabelMetric, MetricResult, Times, by_label
from otx.tasks.hierarchical_classification.entity import HLabelClsBatchDataEntity, HLabelClsBatchPredEntity


class HLabelClsMetric(LabelMetric):
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
        self.levels = max(len(label_info.path(name)) for name in label_info.names)
        super().__init__(label_info)

    def reset(self) -> None:
        """Forget all batches."""
        # Of each image: whether all is right; questions and right answers by level; hits, truths, predictions by label.
        self._right = [torch.zeros(0, dtype=torch.bool)]
        self._answers = [torch.zeros(0, 2, self.levels, dtype=torch.int64)]
        self._labels = [torch.zeros(0, 3, len(self.label_info), dtype=torch.int64)]

    def update(self, prediction: HLabelClsBatchPredEntity, truth: HLabelClsBatchDataEntity) -> None:
        """Add a batch."""
        true, found = truth.labels.cpu(), prediction.labels.cpu()
        wrong_B = torch.zeros(len(true), dtype=torch.bool)
        known_BC = torch.zeros_like(true)
        answers = torch.zeros(len(true), 2, self.levels, dtype=torch.int64)
        for group in self.label_info.questions():
            own = [self.label_info.names.index(name) for name in group.labels]
            parent_B, above_known_B = torch.ones_like(wrong_B), torch.ones_like(wrong_B)
            if group.parent:
                parent = self.label_info.names.index(group.parent)
                parent_B, above_known_B = true[:, parent], known_BC[:, parent]
            asked_B = true[:, own].any(dim=1) if group.exclusive else parent_B
            right_B = (true[:, own] == found[:, own]).all(dim=1)
            level = len(self.label_info.path(group.labels[0])) - 1
            answers[:, :, level] += torch.stack([asked_B, right_B & asked_B], dim=1)
            wrong_B |= asked_B & ~right_B
            # Nothing is true below a parent that is false; only an answer that nobody gave is not known.
            known_BC[:, own] = (above_known_B & (asked_B | ~parent_B)).unsqueeze(1)
        found = found & known_BC
        self._right.append(~wrong_B)
        self._answers.append(answers)
        self._labels.append(torch.stack([true & found, true, found], dim=1).long())

    @property
    def images(self) -> int:
        """How many were added."""
        return sum(map(len, self._right))

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times; zero where there are none."""
        times = torch.ones(self.images, dtype=torch.int64) if times_N is None else torch.as_tensor(times_N)
        right, answers, labels = (
            torch.tensordot(times, torch.cat(parts).long(), 1) for parts in (self._right, self._answers, self._labels)
        )
        values = {"accuracy": int(right) / max(int(times.sum()), 1)}
        if self.levels > 1:
            for level, (asked, hits) in enumerate(answers.T.tolist(), start=1):
                values[f"accuracy_level_{level}"] = hits / max(asked, 1)
        return values | {"hierarchical_f1": float(_f1(*labels.sum(dim=1)))}

    def compute(self) -> MetricResult:
        """Figures over all batches; zero where there were none."""
        hits, truths, found = torch.cat(self._labels).sum(dim=0)
        figures = {"precision": hits / found.clamp_min(1), "recall": hits / truths.clamp_min(1)}
        figures["f1"] = _f1(hits, truths, found)
        return MetricResult(self.values(), by_label(self.label_info.names, truths + found > 0, **figures))


def _f1(hits: Tensor, truths: Tensor, found: Tensor) -> Tensor:
    return 2 * hits / (truths + found).clamp_min(1)
