"""Any network of segmentation-models-pytorch over an encoder of timm, or over one of its own."""

from __future__ import annotations

from torch import nn

from otx.core.model import PixelInput, last_layer
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
        head = network.get_submodule("segmentation_head")
        self.label_layers = (f"segmentation_head.{last_layer(head, nn.Conv2d)}",)
        return network
