"""Logits become probabilities; model_api, which guesses whether it sees probabilities, must agree."""

from __future__ import annotations

import torch

from otx.core.image_info import ImageInfo
from otx.tasks.multi_class_classification.decode import decode


def test_scores_are_probabilities_and_the_best_is_the_label() -> None:
    infos = [ImageInfo(height=8, width=8)] * 2
    logits = torch.tensor([[1.0, 3.0, 2.0], [9.0, -9.0, 0.0]])
    result = decode({"logits": logits}, torch.zeros(2, 3, 8, 8), infos)
    assert result.labels.tolist() == [1, 0]
    torch.testing.assert_close(result.scores, torch.softmax(logits, dim=1))
