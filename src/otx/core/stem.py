"""Networks that were made for RGB, on images of any number of channels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from otx.core.errors import UserError

RGB_CHANNELS = 3


def take_channels(network: nn.Module, channels: int) -> None:
    """Change the convolutions that look at the image, in place; a network that was built for it stays as it is.

    New filters are drawn with the spread of those that they replace. Pretrained ones are adapted by `adapt_filters`.

    Args:
        network: With random weights.
        channels: Of the image.

    Raises:
        UserError: The network has no convolution that looks at an image of RGB.
    """
    convolutions = [module for module in network.modules() if isinstance(module, _ConvNd)]
    if channels == RGB_CHANNELS or not convolutions or convolutions[0].in_channels == channels:
        return
    first = [module for module in convolutions if module.in_channels == RGB_CHANNELS and module.groups == 1]
    if not first:
        msg = f"{type(network).__name__} takes RGB images only, not {channels} channels; take another model (otx find)"
        raise UserError(msg)
    for convolution in first:
        old = convolution.weight.detach()
        drawn = torch.randn(old.shape[0], channels, *old.shape[2:]) * old.std() * math.sqrt(RGB_CHANNELS / channels)
        convolution.weight = nn.Parameter(drawn, requires_grad=convolution.weight.requires_grad)
        convolution.in_channels = channels
    for module in network.modules():  # some compare the image with what they were built for
        if getattr(module, "num_channels", None) == RGB_CHANNELS:
            setattr(module, "num_channels", channels)  # noqa: B010 - torch types attributes as tensors and modules


def adapt_filters(weight: Tensor, channels: int) -> Tensor:
    """Filters for RGB as filters for other channels: summed for one, repeated and scaled for more, as timm does.

    Args:
        weight: (out, 3, ...).
        channels: Of the image.
    """
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeated = weight.repeat(1, -(-channels // RGB_CHANNELS), *[1] * (weight.ndim - 2))[:, :channels]
    return repeated * (RGB_CHANNELS / channels)
