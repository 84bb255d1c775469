"""Semantic segmenters of torchvision."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, arange, nn
from torchvision.models import get_model

from otx.core.model import PixelInput
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel

HEADS = ("model.classifier.low_classifier", "model.classifier.high_classifier", "model.classifier.4")
"""The last convolutions of LR-ASPP, which are added up, and of DeepLabV3."""


class TorchvisionSegmenter(PixelInput, OTXSegmentationModel):
    """A segmenter of torchvision; `arch` is its name there, `options` are arguments of its constructor."""

    def create_model(self) -> nn.Module:
        """Build the network with random weights, without the auxiliary head that DeepLab's published training has."""
        options = {"weights": None, "weights_backbone": None, "num_classes": len(self.label_info), **self.options}
        network: nn.Module = get_model(self.arch, **options)
        return network

    def raw_outputs(self, outputs: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
        """The logits, which torchvision has brought to the size of the input."""
        return super().raw_outputs(outputs["out"], images)

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """One output channel per label in each convolution of the head."""
        own = self.state_dict()
        keys = [f"{layer}.{kind}" for layer in HEADS for kind in ("weight", "bias")]
        return {key: arange(labels).unsqueeze(1) for key in keys if key in own}
