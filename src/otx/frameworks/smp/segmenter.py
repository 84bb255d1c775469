"""Any network of segmentation-models-pytorch over an encoder of timm, or over one of its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from otx.core.model import PixelInput
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel


class SMPSegmenter(PixelInput, OTXSegmentationModel):
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

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """One output channel per label in the last convolution."""
        layer = [name for name, module in self.named_modules() if isinstance(module, nn.Conv2d)
                 and name.startswith("model.segmentation_head")][-1]  # fmt: skip
        own = self.state_dict()
        keys = [f"{layer}.{kind}" for kind in ("weight", "bias")]
        return {key: torch.arange(labels).unsqueeze(1) for key in keys if key in own}
