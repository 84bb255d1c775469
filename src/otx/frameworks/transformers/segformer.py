"""SegFormer (https://arxiv.org/abs/2105.15203): a hierarchical transformer with a head of linear layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from otx.core.model import PixelInput
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel


class TransformersSegformer(PixelInput, OTXSegmentationModel):
    """A SegFormer; `options` go to its configuration."""

    label_layers = ("decode_head.classifier",)

    def create_model(self) -> nn.Module:
        """Build the network from its configuration, with random weights."""
        from transformers import AutoConfig, AutoModelForSemanticSegmentation

        options = {"num_labels": len(self.label_info), "num_channels": self.input_spec.channels, **self.options}
        options["loss_type"] = "ForSegmentation"  # the library warns about models that name none
        network: nn.Module = AutoModelForSemanticSegmentation.from_config(AutoConfig.for_model(self.arch, **options))
        return network

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401 - transformers' output class
        """The logits, of a quarter of the input's height and width, enlarged."""
        return super().raw_outputs(outputs.logits, images)
