"""What a prompting sample has: objects with outlines, and the prompts that ask for them.

A prompt is two points, each of a kind, as in SAM (https://arxiv.org/abs/2304.02643): the corners of a box, or a point
on the object and one that says nothing. Shapes: B images, N prompts or objects of an image; coordinates are continuous,
the centre of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import Rle, paste, to_json
from otx.core.objects import ObjectsBatchPredEntity
from otx.core.records import rounded
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity, InstanceSegDataEntity

NOTHING, BACKGROUND, OBJECT, TOP_LEFT, BOTTOM_RIGHT = -1, 0, 1, 2, 3
"""Kinds of points, by the numbers that SAM gives them."""
FILLING = -10
"""Kind of the points of a row that is no prompt, but has to be there because another image has more of them."""
OWN = 4
"""Kind of a point on an object that the model has found by itself, by its references."""


@dataclass
class PromptBatchDataEntity(InstanceSegBatchDataEntity):
    """A batch of images with their objects, which are asked for one by one."""

    def prompts(self) -> list[Tensor]:
        """Per image (N, 2, 3) x, y and kind: what evaluation asks with, a box and a point in turn.

        The box is the true one; the point is the pixel of the object that is nearest to its centre.
        """
        asked = []
        for boxes, masks in zip(self.bboxes, self.masks, strict=True):
            boxes_N4 = boxes.as_subclass(Tensor).float()
            by_point = torch.arange(len(boxes_N4), device=boxes_N4.device) % 2 == 1
            points = point_prompts(central_points(masks.as_subclass(Tensor), boxes_N4))
            asked.append(torch.where(by_point[:, None, None], points, box_prompts(boxes_N4)))
        return asked

    def graph_inputs(self) -> dict[str, Tensor]:
        """The images with the prompts of evaluation."""
        return {"images": self.images, "prompts": stack_prompts(self.prompts())}

    @classmethod
    def bare_inputs(cls, images: Tensor) -> dict[str, Tensor]:
        """The images without any prompt: the model asks itself."""
        return {"images": images, "prompts": stack_prompts([images.new_zeros(0, 2, 3).float()] * len(images))}

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The objects of each image in the form of `predictions.json`, in pixels of the original image."""
        records = super().truth_records(labels)
        for record, prompts, info in zip(records, self.prompts(), self.imgs_info, strict=True):
            for entry, prompt in zip(record["objects"], _entries(prompts_to_original(prompts, info)), strict=True):
                entry["prompt"] = prompt
        return records


@dataclass
class PromptBatchPredEntity(PromptBatchDataEntity, ObjectsBatchPredEntity[InstanceSegDataEntity]):
    """Masks of a batch, in pixels of the *original* images: one per given prompt, in the order of the prompts.

    An image without a prompt has what the model found by itself, best score first.

    Attributes:
        masks: Per image (N, h, w) confidences in [0, 1] as the network gives them, over the whole input.
        rles: The same in pixels of the original image.
        scores: Per image (N,) confidences in [0, 1]: the overlap that the model expects its mask to have with the
            object and, for what it found by itself, how surely the object is of the class.
        asked: Per image (N, 2, 3) x, y and kind of each prompt.
    """

    asked: list[Tensor]

    def shown(self, index: int, threshold: float) -> Tensor:
        """The threshold concerns what nobody asked for."""
        return super().shown(index, threshold) | (self.asked[index][:, 0, 2] != OWN)

    def found_details(self, index: int, shown: Tensor) -> dict[str, Sequence[Any]]:
        """The masks and the prompts that they answer."""
        masks = [to_json(self.rles[index][place]) for place in shown.tolist()]
        return {"mask": masks, "prompt": _entries(self.asked[index][shown])}


def box_prompts(boxes_N4: Tensor) -> Tensor:
    """(N, 2, 3) prompts: the corners of boxes."""
    kinds = boxes_N4.new_tensor([TOP_LEFT, BOTTOM_RIGHT]).expand(len(boxes_N4), 2)
    return torch.cat([boxes_N4.reshape(-1, 2, 2), kinds.unsqueeze(-1)], dim=-1)


def point_prompts(points_N2: Tensor, kind: int = OBJECT) -> Tensor:
    """(N, 2, 3) prompts: a point each."""
    points = torch.nn.functional.pad(points_N2, (0, 1), value=kind)
    nothing = torch.nn.functional.pad(torch.zeros_like(points_N2), (0, 1), value=NOTHING)
    return torch.stack([points, nothing], dim=1)


def central_points(masks_NHW: Tensor, boxes_N4: Tensor) -> Tensor:
    """(N, 2) x and y of the pixel of each mask that is nearest to its centre of gravity."""
    height, width = masks_NHW.shape[-2:]
    y, x = (torch.arange(length, device=masks_NHW.device) + 0.5 for length in (height, width))
    weights = masks_NHW.float()
    area = weights.sum((1, 2)).clamp_min(1)
    centre_y, centre_x = (weights.sum(2) * y).sum(1) / area, (weights.sum(1) * x).sum(1) / area
    distance = (y[:, None] - centre_y[:, None, None]) ** 2 + (x - centre_x[:, None, None]) ** 2
    return _points_of(-distance, masks_NHW, boxes_N4)


def random_points(masks_NHW: Tensor, boxes_N4: Tensor) -> Tensor:
    """(N, 2) x and y of a pixel of each mask, drawn at random."""
    return _points_of(torch.rand(masks_NHW.shape, device=masks_NHW.device), masks_NHW, boxes_N4)


def _points_of(preference_NHW: Tensor, masks_NHW: Tensor, boxes_N4: Tensor) -> Tensor:
    """The pixel of each mask with the highest preference; the middle of the box where the mask has none left."""
    width = masks_NHW.shape[-1]
    best = torch.where(masks_NHW > 0, preference_NHW, -torch.inf).flatten(1).argmax(dim=1)
    row = torch.div(best, width, rounding_mode="floor")
    points = torch.stack([best - row * width, row], dim=1) + 0.5
    middle = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2
    return torch.where((masks_NHW > 0).flatten(1).any(dim=1, keepdim=True), points, middle)


def stack_prompts(prompts: Sequence[Tensor]) -> Tensor:
    """(B, N, 2, 3) prompts of images of which some have fewer, filled up; at least one row."""
    rows = max(1, *(len(prompt) for prompt in prompts))
    filled = prompts[0].new_zeros(len(prompts), rows, 2, 3)
    filled[..., 2] = FILLING
    for target, prompt in zip(filled, prompts, strict=True):
        target[: len(prompt)] = prompt
    return filled


def prompts_to_original(prompts: Tensor, info: ImageInfo) -> Tensor:
    """(N, 2, 3) prompts, from pixels of the model's input to those of the original image."""
    return torch.cat([to_original(prompts[..., :2], info), prompts[..., 2:]], dim=-1)


def original_masks(masks_Nhw: Tensor, info: ImageInfo, input_size: tuple[int, int]) -> list[Rle]:
    """Masks of the original image.

    Args:
        masks_Nhw: Confidences in [0, 1] at any resolution; they cover the model's input.
        info: How the image was brought to the model's input.
        input_size: Height and width of it.
    """
    height, width = input_size
    left, top = (-offset / scale for offset, scale in zip(info.offset, info.scale, strict=True))
    frame = (left, top, left + width / info.scale[0], top + height / info.scale[1])
    return [paste(mask, frame, (info.height, info.width)) for mask in masks_Nhw.float().cpu().numpy()]


def _entries(prompts: Tensor) -> list[dict[str, list[float]]]:
    """What each prompt is in `predictions.json`."""
    entries = []
    for (_, _, kind), corners in zip(prompts[:, 0].tolist(), rounded(prompts[..., :2].flatten(1)), strict=True):
        is_box = kind == TOP_LEFT
        name = "bbox" if is_box else "own_point" if kind == OWN else "point"
        entries.append({name: corners if is_box else corners[:2]})
    return entries
