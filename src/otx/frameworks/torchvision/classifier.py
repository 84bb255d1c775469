"""Any classification network of torchvision as a classifier of any task."""

from __future__ import annotations

from torch import nn
from torchvision.models import get_model

from otx.core.model import PixelInput, last_layer
from otx.tasks.hierarchical_classification.model import OTXHLabelClsModel
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.tasks.multi_label_classification.model import OTXMultiLabelClsModel


class TorchvisionNetwork(PixelInput):
    """A classification network of torchvision; `arch` is its name there, `options` are arguments of its constructor."""

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        network: nn.Module = get_model(self.arch, weights=None, num_classes=len(self.label_info), **self.options)
        self.label_layers = (last_layer(network, nn.Linear),)
        return network


class TorchvisionClassifier(TorchvisionNetwork, OTXMultiClassClsModel):
    """Exactly one label per image."""


class TorchvisionMultiLabelClassifier(TorchvisionNetwork, OTXMultiLabelClsModel):
    """Any number of labels per image."""


class TorchvisionHierarchicalClassifier(TorchvisionNetwork, OTXHLabelClsModel):
    """Paths through a tree of labels."""
