"""Puts quantisers into a network that is trained with them: NNCF finds their places and ranges, torch runs them."""

from __future__ import annotations

import copy
import sys
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from otx.core.errors import UserError
from otx.core.model import OTXModel
from otx.deploy.quantize import Images, nncf_library


class FakeQuantizer(nn.Module):
    """Rounds to the levels of a range and lets gradients within it pass (https://arxiv.org/abs/1806.08342).

    Takes the place of NNCF's own while a network trains: torch's is compiled already, where NNCF's compiles C++ on its
    first use and gives up after a minute; and tracing knows it, where NNCF's would need torchao to be exported.

    Args:
        quantizer: NNCF's, with its range.
    """

    scale: Tensor
    zero_point: Tensor

    def __init__(self, quantizer: Any) -> None:  # noqa: ANN401 - untyped
        super().__init__()
        self.lowest, self.highest, scale, zero_point = quantizer.get_parameters_for_torch_fq()
        self.axis = int(np.argmax(quantizer.scale_shape)) if quantizer.per_channel else None
        self.register_buffer("scale", scale.detach() if quantizer.per_channel else scale.detach().squeeze())
        self.register_buffer("zero_point", zero_point if quantizer.per_channel else zero_point.squeeze())

    def forward(self, values: Tensor) -> Tensor:
        """Weights or activations -> the nearest levels."""
        scale, zero, levels = self.scale, self.zero_point, (self.lowest, self.highest)
        if self.axis is None:
            return torch.fake_quantize_per_tensor_affine(values, scale, zero, *levels)
        return torch.fake_quantize_per_channel_affine(values, scale, zero, self.axis, *levels)


class Chain(nn.Module):
    """Layers to which NNCF adds what it needs; `nn.Sequential` would run that as one of them.

    Args:
        layers: The network.
    """

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as `nn.Sequential` calls it
        """All of them in their order."""
        output: Tensor = self.layers(input)
        return output


def insert_fake_quantizers(model: OTXModel[Any, Any], images: Images, name: str) -> OTXModel[Any, Any]:
    """A copy of a model that predicts, trains and exports with quantised weights and activations.

    Args:
        model: In eval mode.
        images: Show what the activations are like, in batches of one.
        name: Of the model, for messages.

    Raises:
        UserError: NNCF cannot follow the network, or finds nothing in it to quantise.
    """
    nncf = nncf_library()
    from nncf.torch.quantization.layers import BaseQuantizer

    twin = copy.deepcopy(model).cpu()
    if isinstance(twin.model, nn.Sequential):
        twin.model = Chain(twin.model)
    parts = [f"(layers/)?{part.removeprefix('model.').replace('.', '/')}/.*" for part in model.float_parts]
    try:
        with redirect_stdout(sys.stderr), torch.no_grad():  # its progress
            twin.model = nncf.quantize(
                twin.model,
                nncf.Dataset(images, twin.customize_inputs),
                subset_size=len(images),
                ignored_scope=nncf.IgnoredScope(patterns=parts, validate=False),
                # It would run NNCF's quantisers, and training does the same better.
                advanced_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
            )
    except Exception as error:  # it runs the network in a way of its own: whatever that brings up ends it
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise UserError(f"{name} cannot be trained with quantisers: {reason}. Use --method ptq.") from error
    found = [
        (hooks, key, quantizer)
        for hooks in twin.model.modules()
        if isinstance(hooks, nn.ModuleDict)
        for key, quantizer in hooks.items()
        if isinstance(quantizer, BaseQuantizer)
    ]
    if not found:
        msg = f"{name} cannot be trained with quantisers: NNCF finds nothing to quantise in it. Use --method ptq."
        raise UserError(msg)
    for hooks, key, quantizer in found:
        hooks[key] = FakeQuantizer(quantizer)
    return twin
