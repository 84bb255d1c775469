"""Any network of segmentation-models-pytorch over an encoder of timm, or over one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from otx.tasks.semantic_segmentation.entity import SegBatchDataEntity
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel


class SMPSegmenter(OTXSegmentationModel):
    """A network of smp; `arch` is its name there, `options` are arguments of its constructor."""

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        import segmentation_models_pytorch as smp

        network: nn.Module = smp.create_model(
            self.arch,
            encoder_weights=None,
            in_channels=self.input_spec.channels,
            classes=len(self.label_info),
            **self.options,
        )
        return network

    def customize_inputs(self, batch: SegBatchDataEntity) -> dict[str, Any]:
        """The normalised images; smp's networks call their argument x."""
        return {"x": self.normalize(batch.images)}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """One output channel per label in the last convolution."""
        layer = [name for name, module in self.named_modules() if isinstance(module, nn.Conv2d)
                 and name.startswith("model.segmentation_head")][-1]  # fmt: skip
        own = self.state_dict()
        keys = [f"{layer}.{kind}" for kind in ("weight", "bias")]
        return {key: torch.arange(labels).unsqueeze(1) for key in keys if key in own}
