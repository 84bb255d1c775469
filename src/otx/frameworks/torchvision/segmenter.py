"""Semantic segmenters of torchvision."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import get_model

from otx.core.model import PixelInput
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel


class TorchvisionSegmenter(PixelInput, OTXSegmentationModel):
    """A segmenter of torchvision; `arch` is its name there, `options` are arguments of its constructor."""

    # The last convolutions of LR-ASPP, which are added up, and of DeepLabV3.
    label_layers = ("classifier.low_classifier", "classifier.high_classifier", "classifier.4")

    def create_model(self) -> nn.Module:
        """Build the network with random weights, without the auxiliary head that DeepLab's published training has."""
        options = {"weights": None, "weights_backbone": None, "num_classes": len(self.label_info), **self.options}
        network: nn.Module = get_model(self.arch, **options)
        return network

    def raw_outputs(self, outputs: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
        """The logits, which torchvision has brought to the size of the input."""
        return super().raw_outputs(outputs["out"], images)
