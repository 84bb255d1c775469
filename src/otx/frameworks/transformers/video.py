"""VideoMAE (https://arxiv.org/abs/2203.12602), whose published weights may not be used commercially."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.model import PixelInput
from otx.tasks.action_classification.model import OTXActionClsModel


class TransformersVideoMAE(PixelInput, OTXActionClsModel):
    """A transformer over patches of space and time; `options` go to its configuration."""

    def create_model(self) -> nn.Module:
        """Build the network from its configuration, with random weights."""
        from transformers import AutoConfig, VideoMAEForVideoClassification

        spec = self.input_spec
        config: Any = AutoConfig.for_model(
            self.arch,
            image_size=list(spec.size),
            num_frames=spec.frames,
            num_labels=len(self.label_info),
            **self.options,
        )
        network: nn.Module = VideoMAEForVideoClassification(config)
        return network

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """The logits of each clip."""
        return {"logits": outputs.logits}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """One row per label in the last layer."""
        return {f"model.classifier.{kind}": torch.arange(labels).unsqueeze(1) for kind in ("weight", "bias")}
