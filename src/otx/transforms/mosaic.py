"""Four samples on one canvas: more objects, at more sizes and beside more neighbours, than a small data set has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torchvision import tv_tensors

from otx.core.entity import SampleT
from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.transforms.fields import Draw, boxes_of, like, object_fields, plain
from otx.transforms.zoom import check_range, random_move, show


@dataclass(frozen=True)
class Mosaic:
    """Joins a sample and three others at a random cross (Bochkovskiy et al. 2020); for tasks whose samples have boxes.

    Attributes:
        input_spec: Size of the result.
        scale: Smallest and largest zoom of each image within its quarter; 1 shows it whole.
        centre: Smallest and largest place of the cross, relative to the size.
        min_visible: Objects of which a smaller share stays visible are left out.
        p: Probability.

    Raises:
        UserError: A range is not one.
    """

    input_spec: InputSpec
    scale: Sequence[float] = (1.0, 2.0)
    centre: Sequence[float] = (0.35, 0.65)
    min_visible: float = 0.25
    p: float = 0.5

    def __post_init__(self) -> None:
        check_range("scale", self.scale)
        check_range("centre", self.centre, limit=1)

    def __call__(self, sample: SampleT, draw: Draw) -> SampleT:
        """Make a mosaic, with probability `p`.

        Raises:
            UserError: The sample has no boxes, so its annotations cannot be joined.
        """
        if boxes_of(sample) is None:
            raise UserError(f"Mosaic joins objects with boxes, but {type(sample).__name__} has none; remove the step")
        if float(torch.rand(())) >= self.p:
            return sample
        height, width = self.input_spec.size
        low, high = self.centre
        down, across = torch.rand(2).tolist()
        row, column = round(height * (low + down * (high - low))), round(width * (low + across * (high - low)))
        quarters = [
            (0, 0, row, column),
            (0, column, row, width - column),
            (row, 0, height - row, column),
            (row, column, height - row, width - column),
        ]
        samples: list[SampleT] = [sample, *draw(len(quarters) - 1)]
        tiles = [self._tile(one, quarter) for one, quarter in zip(samples, quarters, strict=True)]
        return _join(tiles, quarters)

    def _tile(self, sample: SampleT, quarter: tuple[int, int, int, int]) -> SampleT:
        """A sample within its quarter, on a canvas of the whole size."""
        top, left, height, width = quarter
        rows, columns = sample.image.shape[-2:]
        ratio = min(height / rows, width / columns)
        inner = random_move((rows, columns), (ratio, ratio), (height, width), self.scale)
        move = inner._replace(top=top + inner.top, left=left + inner.left, canvas=self.input_spec.size)
        return show(sample, move, self.min_visible, self.input_spec.fill)


def _join(tiles: list[SampleT], quarters: list[tuple[int, int, int, int]]) -> SampleT:
    first = tiles[0]
    image_HWC = plain(first.image).permute(1, 2, 0)
    for tile, (top, left, height, width) in zip(tiles[1:], quarters[1:], strict=True):
        rows, columns = slice(top, top + height), slice(left, left + width)
        image_HWC[rows, columns] = plain(tile.image).permute(1, 2, 0)[rows, columns]
    joined: dict[str, Any] = {"image": tv_tensors.Image(image_HWC.permute(2, 0, 1))}
    for name, value in object_fields(first).items():
        parts = [getattr(tile, name) for tile in tiles]
        if isinstance(value, list):
            joined[name] = [row for part in parts for row in part]
        else:
            joined[name] = like(value, torch.cat([plain(part) for part in parts]))
    return replace(first, **joined)
