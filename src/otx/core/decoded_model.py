"""Models that predict by the very graph that is exported: network -> named raw tensors -> the task's `decode`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from otx.core.entity import OTXBatchLossEntity
from otx.core.model import BatchT, OTXModel, PredT
from otx.core.raw_graph import RawGraph


class OTXDecodedModel(OTXModel[BatchT, PredT]):
    """A model of any framework and task.

    Attributes:
        batch_type: The task's batch, for images of which nothing else is known.
        decode: The task's function from raw outputs to predictions, as a `staticmethod`.
    """

    batch_type: type[BatchT]
    decode: Callable[..., PredT]

    @abstractmethod
    def losses(self, outputs: Any, batch: BatchT) -> dict[str, Tensor]:  # noqa: ANN401
        """Named scalar losses, already weighted, from what the network returned in training mode."""

    @abstractmethod
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned in eval mode as the named tensors that `decode` reads; must trace.

        Args:
            outputs: Return value of the network's `forward`.
            images: (B, C, H, W) what it was fed, for the size.
        """

    def predictions(self, raw: Mapping[str, Tensor], batch: BatchT) -> PredT:
        """Raw outputs -> predictions, by the task's `decode`."""
        return self.decode(raw, batch.images, batch.imgs_info, **self.decode_settings())

    def customize_outputs(self, outputs: Any, batch: BatchT) -> PredT | OTXBatchLossEntity:  # noqa: ANN401
        """Losses in training mode, else predictions."""
        if self.training:
            return OTXBatchLossEntity(self.losses(outputs, batch))
        return self.predictions(self.raw_outputs(outputs, batch.images), batch)

    def export_graph(self) -> nn.Module:
        """The network from pixels to raw outputs, by the same code as predictions in eval mode."""
        return RawGraph(self, self.raw_from_images)

    def raw_from_images(self, images: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) pixels -> what `decode` reads."""
        return self.raw_outputs(self.model(**self.customize_inputs(self.batch_type.of_images(images))), images)
