"""Any classification network of torchvision as a classifier of any task."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.models import get_model

from otx.core.model import PixelInput
from otx.tasks.hierarchical_classification.model import OTXHLabelClsModel
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.tasks.multi_label_classification.model import OTXMultiLabelClsModel


class TorchvisionNetwork(PixelInput):
    """A classification network of torchvision; `arch` is its name there, `options` are arguments of its constructor."""

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        network: nn.Module = get_model(self.arch, weights=None, num_classes=len(self.label_info), **self.options)
        return network

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """One row per label in the last linear layer."""
        layer = [name for name, module in self.named_modules() if isinstance(module, nn.Linear)][-1]
        head = {f"{layer}.{kind}": torch.arange(labels).unsqueeze(1) for kind in ("weight", "bias")}
        return {**super().label_rows(labels), **head}


class TorchvisionClassifier(TorchvisionNetwork, OTXMultiClassClsModel):
    """Exactly one label per image."""


class TorchvisionMultiLabelClassifier(TorchvisionNetwork, OTXMultiLabelClsModel):
    """Any number of labels per image."""


class TorchvisionHierarchicalClassifier(TorchvisionNetwork, OTXHLabelClsModel):
    """Paths through a tree of labels."""
