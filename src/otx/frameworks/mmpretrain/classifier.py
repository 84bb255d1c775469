"""Any classifier of MMPretrain by the name of its config, for any classification task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.model import OTXModel
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
        return build_network("mmpretrain", self.arch, len(self.label_info), {**size, **self.options})

    def customize_inputs(self, batch: Any) -> dict[str, Any]:  # noqa: ANN401 - of any of the tasks
        """The normalised images; `tensor` asks for logits."""
        return {"inputs": channels_as(self.normalize(batch.images), bgr=self.bgr), "mode": "tensor"}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """One row per label in the last linear layer."""
        layer = [name for name, module in self.named_modules() if isinstance(module, nn.Linear)][-1]
        head = {f"{layer}.{kind}": torch.arange(labels).unsqueeze(1) for kind in ("weight", "bias")}
        return {**super().label_rows(labels), **head}


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
