"""Video networks of torchvision: convolutions over time and space (https://arxiv.org/abs/1711.11248)."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision.models import get_model
from torchvision.models.video.resnet import BasicBlock, BasicStem, Conv3DNoTemporal, Conv3DSimple, VideoResNet

from otx.tasks.action_classification.model import OTXActionClsModel
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity


class TorchvisionVideo(OTXActionClsModel):
    """An action classifier of torchvision; `arch` is its name there."""

    label_layers = ("fc",)

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        network: nn.Module = get_model(self.arch, weights=None, num_classes=len(self.label_info))
        return network

    def customize_inputs(self, batch: MultiClassClsBatchDataEntity) -> dict[str, Any]:
        """The normalised clips as (B, C, T, H, W)."""
        return {"x": self.normalize(batch.images).transpose(1, 2)}


class TorchvisionSlimVideo(TorchvisionVideo):
    """MC3 with one block per stage, which looks at a quarter of the pixels: a clip costs a thirtieth of MC3-18's."""

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        convolutions = (Conv3DSimple, Conv3DNoTemporal, Conv3DNoTemporal, Conv3DNoTemporal)
        return VideoResNet(BasicBlock, convolutions, [1, 1, 1, 1], _pooling_stem, num_classes=len(self.label_info))


def _pooling_stem() -> nn.Module:
    return nn.Sequential(BasicStem(), nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)))
