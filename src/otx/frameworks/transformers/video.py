"""VideoMAE (https://arxiv.org/abs/2203.12602), whose published weights may not be used commercially."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from otx.core.model import PixelInput
from otx.tasks.action_classification.model import OTXActionClsModel


class TransformersVideoMAE(PixelInput, OTXActionClsModel):
    """A transformer over patches of space and time; `options` go to its configuration."""

    label_layers = ("classifier",)

    def create_model(self) -> nn.Module:
        """Build the network from its configuration, with random weights."""
        from transformers import AutoConfig, VideoMAEForVideoClassification

        shape = {"image_size": list(self.input_spec.size), "num_frames": self.input_spec.frames}
        config: Any = AutoConfig.for_model(self.arch, num_labels=len(self.label_info), **shape, **self.options)
        network: nn.Module = VideoMAEForVideoClassification(config)
        return network

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """The logits of each clip."""
        return {"logits": outputs.logits}
