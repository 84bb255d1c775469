"""Any timm model as a classifier of any task."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping

import timm
from torch import Tensor, nn

from otx.core.model import PixelInput
from otx.frameworks.timm_networks import facts
from otx.tasks.hierarchical_classification.model import OTXHLabelClsModel
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.tasks.multi_label_classification.model import OTXMultiLabelClsModel


class TimmNetwork(PixelInput):
    """A timm network with a head for the labels, whatever they mean.

    `arch` is its name, with or without the tag of the weights; `options` are arguments of `timm.create_model`.
    """

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        options = {"in_chans": self.input_spec.channels, **self.options}
        known = facts(self.arch)
        if known.fixed_input_size:
            options["img_size"] = self.input_spec.size
        classifiers = known.classifier or ()
        self.label_layers = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
        network: nn.Module = timm.create_model(self.arch, num_classes=len(self.label_info), **options)
        return network

    def convert_pretrained(self, state: Mapping[str, Tensor], part: str = "") -> dict[str, Tensor]:
        """Let timm bring old key names and position embeddings of another size into the form of this network."""
        converted = dict(state)
        adapt = getattr(sys.modules[type(self.model).__module__], "checkpoint_filter_fn", None)
        if adapt is not None:
            network = (self.model,) if len(inspect.signature(adapt).parameters) > 1 else ()
            converted = adapt(converted, *network)
        return super().convert_pretrained(converted, part)


class TimmClassifier(TimmNetwork, OTXMultiClassClsModel):
    """Exactly one label per image."""


class TimmMultiLabelClassifier(TimmNetwork, OTXMultiLabelClsModel):
    """Any number of labels per image."""


class TimmHierarchicalClassifier(TimmNetwork, OTXHLabelClsModel):
    """Paths through a tree of labels."""
