"""Networks made for RGB take other channels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from otx.core.errors import UserError
from otx.core.stem import adapt_filters, take_channels


@pytest.mark.parametrize("channels", [1, 5])
def test_the_first_convolution_is_changed(channels) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 64, 7), nn.Conv2d(64, 3, 1), nn.Conv2d(3, 3, 3, groups=3))
    spread = network[0].weight.std()
    take_channels(network, channels)
    assert network(torch.rand(2, channels, 16, 16)).shape == (2, 3, 8, 8)
    assert torch.isclose(network[0].weight.std(), spread * (3 / channels) ** 0.5, rtol=0.05)


def test_a_network_that_fits_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(5, 3, 1), nn.Conv2d(3, 2, 1))
    take_channels(network, 5)
    assert network[1].in_channels == 3


def test_a_network_without_rgb_is_refused() -> None:
    with pytest.raises(UserError, match="Sequential takes RGB images only, not 5 channels"):
        take_channels(nn.Sequential(nn.Conv2d(12, 2, 1)), 5)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_adapted_filters_answer_grey_as_before(channels) -> None:
    weight = torch.rand(4, 3, 2, 2)
    weight = weight.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    grey = torch.rand(1, 1, 4, 4)
    before = nn.functional.conv2d(grey.expand(-1, 3, -1, -1), weight)
    after = nn.functional.conv2d(grey.expand(-1, channels, -1, -1), adapt_filters(weight, channels))
    assert torch.allclose(before, after, atol=1e-5)
