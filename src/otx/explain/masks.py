"""Maps of a model of which nothing is known but its answers, and how faithful a map of any origin is.

An `Ask` is given M masks, (M, H, W) how much of each pixel is left, from 0 to 1. It answers how far the predictions on
the images that are altered so still say what is to be explained: (M, L), one column per label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Ask = Callable[[Tensor], Tensor]

PAIRS = 256
"""Random masks and their opposites that RISE asks with."""
PAIRS_AT_ONCE = 8
CELLS = 8
"""Cells of such a mask along each side."""
SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Of the image that a map deletes or inserts, step by step. They double, because objects may be small."""
RANDOM_MAPS = 8
"""Maps that a map is compared with."""
SPREADS = 2.0
"""So many times the spread of random maps is more than chance: it happens to one in twenty."""
LEAST_GAIN = 0.01
"""A smaller one says nothing, whatever chance does."""


def rise(ask: Ask, size: tuple[int, int], random: torch.Generator, pairs: int = PAIRS) -> Tensor:
    """(L, H, W) by how much each pixel speaks for each label (RISE, Petsiuk et al. 2018).

    Each mask is used with its opposite, which needs fewer of them: what they have in common drops out.

    Args:
        ask: Answers for masks.
        size: H and W.
        random: Decides the masks.
        pairs: Number of masks and opposites.
    """
    total = torch.zeros(())
    for first in range(0, pairs, PAIRS_AT_ONCE):
        masks_MHW = _random_masks(min(PAIRS_AT_ONCE, pairs - first), size, random)
        left, gone = ask(torch.cat([masks_MHW, 1 - masks_MHW])).chunk(2)
        total = total + torch.einsum("ml,mhw->lhw", left - gone, masks_MHW - 0.5)
    return total / (pairs / 4)


def _random_masks(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """(M, H, W) smooth masks from cells that are there or not, with equal chance, on a grid that starts anywhere."""
    cell = [-(-side // CELLS) for side in size]
    grid_MCC = (torch.rand(count, 1, CELLS + 1, CELLS + 1, generator=random) < 0.5).float()
    large = F.interpolate(grid_MCC, size=[side * (CELLS + 1) for side in cell], mode="bilinear").squeeze(1)
    starts = [torch.randint(side, (count,), generator=random).tolist() for side in cell]
    return torch.stack(
        [mask[top : top + size[0], left : left + size[1]] for mask, top, left in zip(large, *starts, strict=True)]
    )


@dataclass(frozen=True)
class Faithfulness:
    """How far a map orders the pixels of an image by what they mean to the model.

    Attributes:
        insertion: Mean support while the image appears, most important pixels first (area under the curve).
        deletion: The like while it vanishes, most important pixels first.
        random_insertion: Mean of the like over random maps, which are as smooth.
        random_deletion: Likewise.
        spread: Standard deviation of insertion less deletion over the random maps.
    """

    insertion: float
    deletion: float
    random_insertion: float
    random_deletion: float
    spread: float

    @property
    def gain(self) -> float:
        """How much better than chance the map inserts and deletes; 0 is chance."""
        return self.insertion - self.random_insertion + self.random_deletion - self.deletion

    @property
    def is_evidence(self) -> bool:
        """The map is better than random ones."""
        return self.gain > max(LEAST_GAIN, SPREADS * self.spread)


def faithfulness(map_HW: Tensor, ask: Ask, label: int, random: torch.Generator) -> Faithfulness:
    """Compare a map with random ones of the same smoothness, by deletion and insertion (Petsiuk et al. 2018).

    Args:
        map_HW: Higher where a pixel is more important.
        ask: Answers for masks.
        label: The column of the answers that the map is for.
        random: Decides the random maps.
    """
    maps = [map_HW, *(_as_smooth(map_HW, random) for _ in range(RANDOM_MAPS))]
    areas_R2 = torch.tensor([[float(curve.mean()) for curve in _curves(one, ask, label)] for one in maps])
    insertion, deletion = areas_R2[0].tolist()
    random_insertion, random_deletion = areas_R2[1:].mean(dim=0).tolist()
    spread = float((areas_R2[1:, 0] - areas_R2[1:, 1]).std())
    return Faithfulness(insertion, deletion, random_insertion, random_deletion, spread)


def _curves(map_HW: Tensor, ask: Ask, label: int) -> tuple[Tensor, Tensor]:
    """Support for a label at each of the shares, inserted and deleted."""
    rank_HW = map_HW.flatten().argsort(descending=True, stable=True).argsort().view_as(map_HW)
    inserted = torch.stack([rank_HW < share * map_HW.numel() for share in SHARES]).float()
    answers = ask(torch.cat([inserted, 1 - inserted]))[:, label]
    return answers[: len(SHARES)], answers[len(SHARES) :]


def _as_smooth(map_HW: Tensor, random: torch.Generator) -> Tensor:
    """Noise with the spectrum of a map: each wave of the map, shifted at random."""
    noise = torch.fft.rfft2(torch.randn(map_HW.shape, generator=random))
    spectrum = torch.fft.rfft2(map_HW - map_HW.mean())
    shifted: Tensor = torch.fft.irfft2(torch.polar(spectrum.abs(), noise.angle()), s=map_HW.shape)
    return shifted
