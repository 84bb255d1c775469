"""Large-scale jitter in one resize: zooms in on a random window, or shrinks the image onto an empty canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torchvision import tv_tensors

from otx.core.entity import SampleT
from otx.core.errors import UserError
from otx.core.input_spec import InputSpec, ResizeMode
from otx.transforms.fields import Draw, boxes_of, keep_objects, plain
from otx.transforms.geometry import Move, move_sample


@dataclass(frozen=True)
class RandomZoom:
    """Shows a sample at a random size and place within the model's input (Ghiasi et al. 2021, large-scale jitter).

    Cut, resize and padding are one pass over the pixels that stay, which costs a fifth of a RandomAffine.

    Attributes:
        input_spec: Size of the result; scale 1 is what its resize rule would give.
        scale: Smallest and largest zoom; below 1 the image is smaller than the canvas, above 1 a window is cut out.
        aspect: Largest change of the aspect ratio, as a factor of at least 1.
        min_visible: Objects of which a smaller share stays in the window are left out.
        p: Probability.

    Raises:
        UserError: A range is not one.
    """

    input_spec: InputSpec
    scale: Sequence[float] = (0.6, 1.6)
    aspect: float = 1.2
    min_visible: float = 0.25
    p: float = 1.0

    def __post_init__(self) -> None:
        check_range("scale", self.scale)
        if self.aspect < 1:
            raise UserError(f"expected an aspect of at least 1, got {self.aspect}")

    def __call__(self, sample: SampleT, draw: Draw) -> SampleT:
        """Zoom, with probability `p`."""
        if float(torch.rand(())) >= self.p:
            return sample
        height, width = sample.image.shape[-2:]
        down, across = _fitted(height, width, self.input_spec)
        move = random_move((height, width), (down, across), self.input_spec.size, self.scale, self.aspect)
        return show(sample, move, self.min_visible, self.input_spec.fill)


def check_range(name: str, ends: Sequence[float], limit: float = math.inf) -> None:
    """Make sure that an argument of a step is a range of positive numbers.

    Raises:
        UserError: It is not.
    """
    if len(ends) != 2 or not 0 < ends[0] <= ends[1] < limit:
        where = "above 0" if limit == math.inf else f"between 0 and {limit:g}"
        raise UserError(f"expected {name}: [smallest, largest] {where}, got {list(ends)}")


def random_move(
    image: tuple[int, int],
    ratios: tuple[float, float],
    canvas: tuple[int, int],
    scale: Sequence[float],
    aspect: float = 1.0,
) -> Move:
    """Draw a window of the image and a place on the canvas.

    Args:
        image: Height and width.
        ratios: Vertical and horizontal factor that scale 1 stands for.
        canvas: Height and width of the result.
        scale: Smallest and largest zoom; drawn evenly on a logarithmic axis, as is the aspect.
        aspect: Largest factor of the aspect ratio.
    """
    zoom, stretch, *where = torch.rand(6).tolist()
    factor = math.exp(math.log(scale[0]) + zoom * math.log(scale[1] / scale[0]))
    skew = math.exp((2 * stretch - 1) * math.log(aspect) / 2)
    spans = []
    for axis, (side, length, ratio) in enumerate(zip(image, canvas, ratios, strict=True)):
        wanted = ratio * factor * (skew if axis else 1 / skew)
        window = min(side, max(1, round(length / wanted)))
        shown = min(length, max(1, round(window * wanted)))
        start = int(where[axis] * (side - window + 1))
        place = int(where[2 + axis] * (length - shown + 1))
        spans.append((start, window, shown, place))
    (top, height, shown_height, row), (left, width, shown_width, column) = spans
    return Move((top, left, height, width), (shown_height, shown_width), row, column, canvas)


def show(sample: SampleT, move: Move, min_visible: float, fill: float) -> SampleT:
    """Move a sample, without the objects of which the window shows less than a share of `min_visible`."""
    boxes = boxes_of(sample)
    if boxes is not None and len(boxes):
        top, left, height, width = move.window
        corners = plain(boxes)
        if boxes.format != tv_tensors.BoundingBoxFormat.XYXY:
            raise UserError(f"zooming needs XYXY boxes, found {boxes.format.value}; use RandomAffine instead")
        limits = corners.new_tensor([left, top, left + width, top + height])
        inside = torch.cat([corners[:, :2].maximum(limits[:2]), corners[:, 2:].minimum(limits[2:])], dim=1)
        sizes, kept = corners[:, 2:] - corners[:, :2], (inside[:, 2:] - inside[:, :2]).clamp_min(0)
        sample = keep_objects(sample, kept.prod(1) >= min_visible * sizes.prod(1).clamp_min(1e-6))
    return move_sample(sample, move, fill)


def _fitted(height: int, width: int, spec: InputSpec) -> tuple[float, float]:
    ratios = (spec.height / height, spec.width / width)
    if spec.resize is ResizeMode.STRETCH:
        return ratios
    one = min(ratios) if spec.resize is ResizeMode.LETTERBOX else max(ratios) / spec.crop_ratio
    return (one, one)
