"""What classifiers of all tasks have in common: a network from pixels to (B, C) logits, one per label.

A task says what the logits mean: its losses and its predictions. An adapter of a network family writes `create_model`,
`customize_inputs(batch)` (the arguments of the network, from the pixels alone) and, if the network does not return
plain logits, `logits`; and `label_rows`, where rows of the head can be kept for another label set.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from otx.core.decoded_model import OTXDecodedModel
from otx.core.model import BatchT, PredT


class OTXClassifier(OTXDecodedModel[BatchT, PredT]):
    """A classifier of any framework and task."""

    def logits(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """(B, C) logits in what the network returned; must trace."""
        logits: Tensor = outputs
        return logits

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned as the named tensors that `decode` reads; must trace."""
        return {"logits": self.logits(outputs)}
