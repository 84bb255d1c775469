"""Our batches as MMDetection's samples, and what it has found as raw outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import roi_align

from otx.core.errors import OTXError

CELLS = 56
"""Cells along each side of a box into which its mask is cut."""


def to_samples(
    images: Tensor, bboxes: Sequence[Tensor] = (), labels: Sequence[Tensor] = (), masks: Sequence[Tensor] = ()
) -> list[Any]:
    """A `DetDataSample` for each image; the whole of the input counts as image.

    Args:
        images: (B, C, H, W).
        bboxes: Per image (N, 4) XYXY in pixels of the input; without any there is no truth.
        labels: Per image (N,).
        masks: Per image (N, H, W).
    """
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    size = (int(images.shape[-2]), int(images.shape[-1]))
    facts = dict.fromkeys(("img_shape", "ori_shape", "batch_input_shape", "pad_shape"), size)
    samples = [DetDataSample(metainfo=facts | {"scale_factor": (1.0, 1.0)}) for _ in images]
    for index, (sample, boxes, ids) in enumerate(zip(samples, bboxes, labels, strict=False)):
        truth = {"bboxes": boxes.as_subclass(Tensor).to(images.dtype), "labels": ids}
        if masks:
            truth["masks"] = BitmapMasks(masks[index].as_subclass(Tensor).cpu().numpy(), *size)
        sample.gt_instances = InstanceData(**truth)
        sample.ignored_instances = InstanceData(bboxes=truth["bboxes"][:0], labels=ids[:0])
    return samples


def add_up(losses: dict[str, Any]) -> dict[str, Tensor]:
    """Named losses, those of several levels as one; what is no loss (accuracies) is left out."""
    return {
        name: torch.stack(list(value)).sum() if isinstance(value, (list, tuple)) else value.sum()
        for name, value in losses.items()
        if "loss" in name
    }


def found_objects(samples: Sequence[Any], images: Tensor, rows: int) -> dict[str, Tensor]:
    """`boxes`, `labels` and, where there are any, `masks`; where images have fewer objects, rows of score 0.

    Args:
        samples: MMDetection's, with its predictions, one per image.
        images: (B, C, H, W) what was predicted on.
        rows: Of each image, more if one has more objects: an image alone has as many as beside others.

    Raises:
        OTXError: The model is being exported.
    """
    jit: Any = torch.jit  # untyped
    if jit.is_tracing():
        raise OTXError(
            "MMDetection's predict cannot be traced, so this model is not exported: it runs from its checkpoint. "
            "One-stage detectors are exported (otx find)"
        )
    found = [sample.pred_instances for sample in samples]
    most = max(rows, *(len(objects) for objects in found))
    boxes = torch.zeros((len(found), most, 5), device=images.device)
    labels = torch.zeros((len(found), most), dtype=torch.long, device=images.device)
    raw = {"boxes": boxes, "labels": labels}
    if found and "masks" in found[0]:
        raw["masks"] = boxes.new_zeros((len(found), most, CELLS, CELLS))
    for index, objects in enumerate(found):
        count = len(objects)
        boxes[index, :count] = torch.cat([objects.bboxes, objects.scores.unsqueeze(1)], dim=1)
        labels[index, :count] = objects.labels
        if "masks" in raw and count:
            rois = torch.cat([torch.arange(count).to(boxes).unsqueeze(1), objects.bboxes], dim=1)
            pixels = objects.masks.to(boxes).unsqueeze(1)
            raw["masks"][index, :count] = roi_align(pixels, rois, CELLS, aligned=True).squeeze(1)
    return raw
