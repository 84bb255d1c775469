"""The model of a task: somebody else's network between typed entities (seed, figure 2)."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from otx.core.entity import OTXBatchDataEntity, OTXBatchLossEntity, OTXBatchPredEntity
from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.core.raw_graph import GraphInput
from otx.core.stem import take_channels

BatchT = TypeVar("BatchT", bound=OTXBatchDataEntity[Any])
PredT = TypeVar("PredT", bound=OTXBatchPredEntity[Any])

BACKBONES = ("backbone", "encoder", "segformer")
"""What frameworks call the part of a network that turns pixels into features."""


class Normalize(nn.Module):
    """Pixels in [0, max_value] -> normalised floats, by an `InputSpec`; part of every model and exported graph."""

    mean: Tensor
    inverse_std: Tensor

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        mean = torch.tensor(spec.mean).view(1, -1, 1, 1) * spec.max_value
        std = torch.tensor(spec.std).view(1, -1, 1, 1) * spec.max_value
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("inverse_std", 1.0 / std, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(..., C, H, W) pixels of any dtype -> float of the same shape."""
        return (images - self.mean) * self.inverse_std


class OTXModel(nn.Module, ABC, Generic[BatchT, PredT]):
    """A network of any public framework behind typed inputs and outputs.

    A framework's adapter implements `create_model`, `customize_inputs`, `customize_outputs` and `export_graph`.

    Args:
        label_info: Classes in output order.
        input_spec: Size and normalisation of the input.
        arch: The framework's name of the architecture; adapters of a single network ignore it.
        options: What else is needed to build a variant of it (`ModelRow.options`).

    Attributes:
        task: The task that it solves, set by the task's model base; where a base serves several, by the catalog row.
        more_inputs: What the exported graph takes beside the images.
        exports_batch_of_one: The exported graph takes one image at a time, because the network makes a number of each
            image's own, as two-stage detectors do. The runtime then runs a batch image by image.
        float_parts: Names of submodules that quantisation leaves in floating point, whatever else it may try.
        soft_labels: The losses also take the labels of a batch as (B, C) shares.
        label_layers: Names in the network of the layers with a row or channel for each label, in the labels' order.
        frozen: Modules that are not trained, each without those inside it; they always work as in evaluation.
        model: The framework's network, as `create_model` made it.
        normalize: Turns pixels into what the network was made for.
    """

    task: str
    more_inputs: ClassVar[tuple[GraphInput, ...]] = ()
    exports_batch_of_one: bool = False
    float_parts: tuple[str, ...] = ()
    soft_labels: ClassVar[bool] = False
    label_layers: tuple[str, ...] = ()
    frozen: tuple[nn.Module, ...] = ()

    def __init__(
        self, label_info: LabelInfo, input_spec: InputSpec, arch: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.label_info = label_info
        self.input_spec = input_spec
        self.arch = arch
        self.options = dict(options or {})
        self.normalize = Normalize(input_spec)
        self.model: nn.Module = self.create_model()
        take_channels(self.model, input_spec.channels)
        self.complete()

    def complete(self) -> None:
        """Called once the network is there; here a base adds what a task keeps beside it, such as buffers."""

    @abstractmethod
    def create_model(self) -> nn.Module:
        """Build the framework's network with random weights, for `self.label_info` and `self.input_spec`.

        A network that can only be built for RGB gets its first convolutions changed for other channels afterwards.
        """

    @abstractmethod
    def customize_inputs(self, batch: BatchT) -> dict[str, Any]:
        """Turn a batch into the keyword arguments of the network's `forward`."""

    @abstractmethod
    def customize_outputs(self, outputs: Any, batch: BatchT) -> PredT | OTXBatchLossEntity:  # noqa: ANN401
        """Turn what the network returned into losses (in training mode) or predictions (in eval mode)."""

    @abstractmethod
    def export_graph(self) -> nn.Module:
        """A module from (B, C, H, W) pixels, not normalised, to a dict of named tensors that `decode.py` understands.

        It takes `images` and, in their order, the `more_inputs`; `OTXBatchDataEntity.graph_inputs` gives all by name.
        It must trace with a dynamic batch unless `exports_batch_of_one`, and share its weights with this model.
        """

    def decode_settings(self) -> dict[str, Any]:
        """JSON-serialisable keyword arguments of the task's decode function; they travel with the exported model."""
        return {}

    @property
    def threshold(self) -> float:
        """Score below which `predict` leaves an object out, as found in validation; 0 for tasks that have none."""
        return 0.0

    def adopt_validation(self, result: MetricResult) -> None:
        """Take over what a validation has found, for example the best score threshold, into buffers."""

    def finish_epoch(self) -> None:
        """Called after the last training batch of each epoch, before validation.

        Networks that are fitted without gradients give no losses in training mode and keep what they need of each
        batch; here they turn it into their buffers and forget it, so that the next epoch starts anew.
        """

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """Where each label lives in the parameters, so that a checkpoint with other labels can be transferred.

        Args:
            labels: Number of labels of the model or file in question, which is of this architecture.

        Returns:
            State-dict key -> (labels, n) indices along dimension 0, by default for the `label_layers`. Rows that belong
            to no label (background) are shared. Empty: nothing can be transferred.
        """
        keys = [f"model.{layer}.{kind}" for layer in self.label_layers for kind in ("weight", "bias")]
        return {key: torch.arange(labels).unsqueeze(1) for key in keys if key in self.state_dict()}

    def backbone(self) -> list[nn.Module]:
        """The modules between pixels and head, each for itself; empty where the model has no head for its labels."""
        parts = (part for name, part in self.model.named_modules() if name.rpartition(".")[2] in BACKBONES)
        first = next(parts, None) if self.label_rows(len(self.label_info)) else None
        return list(first.modules()) if first is not None else []

    def freeze_backbone(self) -> None:
        """Let only the head be trained from now on.

        Raises:
            UserError: Nobody knows what the head is.
        """
        self.frozen = tuple(self.backbone())
        if not self.frozen:
            raise UserError(
                f"training.freeze_backbone: {type(self).__name__} has no head that OTX could train alone: either its "
                "labels have no weights, or it does not say which they are (label_layers). Leave the setting out."
            )
        for module in self.frozen:
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad = False
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As in torch, but what is frozen stays as in evaluation."""
        super().train(mode)
        for module in self.frozen:
            module.training = False
        return self

    def convert_pretrained(self, state: Mapping[str, Tensor], part: str = "") -> dict[str, Tensor]:
        """Turn the framework's weight file into terms of this model's state dict.

        Args:
            state: Tensors as the file names them.
            part: Submodule of the network that the file is for (`Weights.part`).

        Returns:
            Tensors by keys of this model's state dict; those of the head may have other shapes.
        """
        prefix = f"model.{part}." if part else "model."
        return {prefix + key: tensor for key, tensor in state.items()}

    def forward(self, batch: BatchT) -> PredT | OTXBatchLossEntity:
        """Losses in training mode, predictions in eval mode."""
        outputs = self.model(**self.customize_inputs(batch))
        return self.customize_outputs(outputs, batch)


def last_layer(network: nn.Module, kind: type[nn.Module]) -> str:
    """Name of the last layer of a kind, which in most classifiers is the one with a row for each label."""
    *_, last = (name for name, module in network.named_modules() if isinstance(module, kind))
    return str(last)


class PixelInput(OTXModel[Any, Any]):
    """What adapters have in common whose network is fed the pixels alone, in training too; named before their base."""

    def customize_inputs(self, batch: OTXBatchDataEntity[Any]) -> dict[str, Any]:
        """The normalised images, under the name that the network gives its first argument."""
        argument = next(iter(inspect.signature(self.model.forward).parameters))
        return {argument: self.normalize(batch.images)}
