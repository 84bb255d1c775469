"""What classifiers of all tasks have in common: a network from pixels to (B, C) logits, one per label.

A task says what the logits mean: its losses and its predictions. An adapter of a network family writes `create_model`,
`customize_inputs(batch)` (the arguments of the network, from the pixels alone) and, if the network does not return
plain logits, `logits`; and `label_layers`, where rows of the head can be kept for another label set.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from otx.core.decoded_model import OTXDecodedModel
from otx.core.entity import OTXBatchLossEntity
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

    def _heads(self) -> list[nn.Module]:
        names = {key.rpartition(".")[0]: None for key in self.label_rows(len(self.label_info))}
        return [self.get_submodule(name) for name in names if name]

    def backbone(self) -> list[nn.Module]:
        """All but the layers with a row for each label."""
        heads = self._heads()
        inside = {module for head in heads for module in head.modules()}
        return [module for module in self.model.modules() if module not in inside] if heads else []

    @torch.no_grad()
    def features(self, batch: BatchT) -> Tensor | None:
        """(B, D) what the head of a frozen network is fed in training; None where it is not all that comes after."""
        caught: list[tuple[Tensor, Tensor]] = []
        hooks = [
            head.register_forward_hook(lambda _, inputs, output: caught.append((inputs[0], output)))
            for head in self._heads()
        ]
        outputs = self.model(**self.customize_inputs(batch))
        for hook in hooks:
            hook.remove()
        whole = len(caught) == 1 and caught[0][1] is outputs and len(outputs) == batch.batch_size
        return caught[0][0] if whole and caught[0][0].ndim == 2 else None

    def forward(self, batch: BatchT) -> PredT | OTXBatchLossEntity:
        """Losses in training mode, predictions in eval mode; where the images are `features`, by the head alone."""
        if batch.images.ndim > 2:
            return super().forward(batch)
        (head,) = self._heads()
        return self.customize_outputs(head(batch.images), batch)
