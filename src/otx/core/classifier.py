"""What classifiers of all tasks have in common: a network from pixels to (B, C) logits, one per label.

A task says what the logits mean: its losses, its predictions, and what a batch without truth is. An adapter of a
network family writes `create_model`, `customize_inputs(batch)` (the arguments of the network, from the pixels alone)
and, if the network does not return plain logits, `logits`; and `label_rows`, where rows of the head can be kept for
another label set.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.model import BatchT, OTXModel, PredT
from otx.core.raw_graph import RawGraph


class OTXClassifier(OTXModel[BatchT, PredT]):
    """A classifier of any framework and task."""

    @abstractmethod
    def losses(self, outputs: Any, batch: BatchT) -> dict[str, Tensor]:  # noqa: ANN401
        """Named scalar losses of what the network returned in training mode."""

    @abstractmethod
    def predictions(self, raw: Mapping[str, Tensor], batch: BatchT) -> PredT:
        """Raw outputs -> predictions, by the task's `decode`."""

    @abstractmethod
    def without_truth(self, images: Tensor) -> BatchT:
        """A batch of (B, C, H, W) images of which nothing else is known."""

    def logits(self, outputs: Any) -> Tensor:  # noqa: ANN401
        """(B, C) logits in what the network returned; must trace."""
        logits: Tensor = outputs
        return logits

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned as the named tensors that `decode` reads; must trace.

        Args:
            outputs: Return value of the network's `forward`.
            images: (B, C, H, W) what it was fed.
        """
        return {"logits": self.logits(outputs)}

    def customize_outputs(self, outputs: Any, batch: BatchT) -> PredT | OTXBatchLossEntity:  # noqa: ANN401
        """Losses in training mode, else predictions."""
        if self.training:
            return OTXBatchLossEntity(self.losses(outputs, batch))
        return self.predictions(self.raw_outputs(outputs, batch.images), batch)

    def export_graph(self) -> nn.Module:
        """The network from pixels to raw outputs, by the same code as predictions in eval mode."""
        return RawGraph(self, self._raw_from_images)

    def _raw_from_images(self, images: Tensor) -> dict[str, Tensor]:
        return self.raw_outputs(self.model(**self.customize_inputs(self.without_truth(images))), images)
