"""Any classifier of MMPretrain by the name of its config, for any classification task."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from otx.core.model import OTXModel, last_layer
from otx.frameworks.openmmlab import build_network, channels_as, load_config, wants_bgr
from otx.tasks.hierarchical_classification.model import OTXHLabelClsModel
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.tasks.multi_label_classification.model import OTXMultiLabelClsModel


class MMPretrainNetwork(OTXModel[Any, Any]):
    """A network of MMPretrain; `arch` is the name of its config, `options` are changes of its settings."""

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        self.bgr = wants_bgr("mmpretrain", self.arch)
        backbone = load_config("mmpretrain", self.arch).model.backbone
        size = {"backbone.img_size": self.input_spec.size} if "img_size" in backbone else {}
        network = build_network("mmpretrain", self.arch, len(self.label_info), {**size, **self.options})
        self.label_layers = (last_layer(network, nn.Linear),)
        return network

    def customize_inputs(self, batch: Any) -> dict[str, Any]:  # noqa: ANN401 - of any of the tasks
        """The normalised images; `tensor` asks for logits."""
        return {"inputs": channels_as(self.normalize(batch.images), bgr=self.bgr), "mode": "tensor"}


class MMPretrainClassifier(MMPretrainNetwork, OTXMultiClassClsModel):
    """Exactly one label per image; the loss is that of the config."""

    soft_labels = False

    def customize_inputs(self, batch: MultiClassClsBatchDataEntity) -> dict[str, Any]:
        """In training mode MMPretrain's samples, too, for its own loss."""
        inputs = super().customize_inputs(batch)
        if not self.training:
            return inputs
        from mmpretrain.structures import DataSample

        return inputs | {"data_samples": [DataSample().set_gt_label(label) for label in batch.labels], "mode": "loss"}

    def losses(self, outputs: dict[str, Tensor], batch: MultiClassClsBatchDataEntity) -> dict[str, Tensor]:
        """MMPretrain's own."""
        return outputs


class MMPretrainMultiLabelClassifier(MMPretrainNetwork, OTXMultiLabelClsModel):
    """Any number of labels per image."""


class MMPretrainHierarchicalClassifier(MMPretrainNetwork, OTXHLabelClsModel):
    """Paths through a tree of labels."""
