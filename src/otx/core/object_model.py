"""What models that find objects have in common, whatever they say of each: a score, and the threshold for it.

An adapter of a network family writes `create_model` and three functions:

    customize_inputs(batch)        arguments of the network; truth only in training mode, pixels alone in eval mode
    losses(outputs, batch)         what the network returned in training mode -> named losses
    raw_outputs(outputs, images)   what it returned in eval mode -> the named tensors of the task's `decode.py`

and, where rows of the head can be kept for another label set, `label_layers` or `label_rows`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from otx.core.decoded_model import OTXDecodedModel
from otx.core.metric import MetricResult
from otx.core.model import BatchT, PredT


class OTXObjectModel(OTXDecodedModel[BatchT, PredT]):
    """A model of any framework that finds objects.

    Attributes:
        max_detections: The most objects per image that `decode` returns.
        score_threshold: Buffer: the confidence at which validation had its best F1.
    """

    max_detections: int = 100
    score_threshold: Tensor

    def complete(self) -> None:
        """Add the threshold."""
        super().complete()
        self.register_buffer("score_threshold", torch.tensor(0.5))

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
