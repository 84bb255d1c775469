"""The typed base of every multi-class classifier: an adapter gives logits, the rest is done here.

An adapter of a network family writes `create_model`, `customize_inputs(batch)` (the arguments of the network, from the
pixels alone) and, if the network does not return plain logits, `raw_outputs`; `losses` if cross-entropy is not what it
wants; and `label_rows`, where rows of the head can be kept for another label set.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otx.core.entity import OTXBatchLossEntity
from otx.core.model import OTXModel
from otx.core.raw_graph import RawGraph
from otx.core.task import OTXTaskType
from otx.tasks.multi_class_classification.decode import decode
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity


class OTXMultiClassClsModel(OTXModel[MultiClassClsBatchDataEntity, MultiClassClsBatchPredEntity]):
    """A classifier of any framework.

    Attributes:
        label_smoothing: Share of the target that is spread over all classes, in [0, 1).
    """

    task = OTXTaskType.MULTI_CLASS_CLS
    label_smoothing: float = 0.1

    def losses(self, outputs: Any, batch: MultiClassClsBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Cross-entropy of what the network returned in training mode."""
        logits = self.raw_outputs(outputs, batch.images)["logits"]
        return {"cross_entropy": F.cross_entropy(logits.float(), batch.labels, label_smoothing=self.label_smoothing)}

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """What the network returned as the named tensors that `decode` reads; must trace.

        Args:
            outputs: Return value of the network's `forward`; (B, C) logits unless an adapter overrides this.
            images: (B, C, H, W) what it was fed.
        """
        return {"logits": outputs}

    def customize_outputs(
        self,
        outputs: Any,  # noqa: ANN401
        batch: MultiClassClsBatchDataEntity,
    ) -> MultiClassClsBatchPredEntity | OTXBatchLossEntity:
        """The loss in training mode, else probabilities."""
        if self.training:
            return OTXBatchLossEntity(self.losses(outputs, batch))
        return decode(self.raw_outputs(outputs, batch.images), batch.images, batch.imgs_info, **self.decode_settings())

    def export_graph(self) -> nn.Module:
        """The network from pixels to `logits`, by the same code as predictions in eval mode."""
        return RawGraph(self, self._raw_from_images)

    def _raw_from_images(self, images: Tensor) -> dict[str, Tensor]:
        batch = MultiClassClsBatchDataEntity(images=images, imgs_info=[], labels=torch.empty(0, dtype=torch.long))
        return self.raw_outputs(self.model(**self.customize_inputs(batch)), images)
