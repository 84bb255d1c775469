"""Raw outputs of a segmentation graph -> a class per pixel; the same code for torch, OpenVINO and ONNX.

Raw outputs: `logits` (B, C, H, W), of the size of the input. openvino-model-api's `Segmentation` takes the best class
in the input's frame and enlarges that; here the logits are enlarged first, which gives smoother borders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.frames import map_to_original
from otx.core.image_info import ImageInfo
from otx.tasks.semantic_segmentation.entity import SegBatchPredEntity

LOGITS_AT_ONCE = 2**25
"""Of the enlarged map: 128 MiB, whatever the number of classes and the size of the image."""


def decode(raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo]) -> SegBatchPredEntity:
    """The best class of each pixel of the original images.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
    """
    masks = [_best_class(logits.float(), info) for logits, info in zip(raw["logits"], imgs_info, strict=True)]
    return SegBatchPredEntity(images=images, imgs_info=list(imgs_info), masks=[tv_tensors.Mask(one) for one in masks])


def _best_class(logits_CHW: Tensor, info: ImageInfo) -> Tensor:
    """(height, width) uint8 of the original image, some classes at a time."""
    best = logits_CHW.new_full((info.height, info.width), -torch.inf)
    labels = torch.zeros_like(best, dtype=torch.uint8)
    step = max(1, LOGITS_AT_ONCE // (info.height * info.width))
    for first in range(0, len(logits_CHW), step):
        enlarged = map_to_original(logits_CHW[first : first + step], info, "bilinear")
        values, indices = enlarged.max(dim=0)
        better = values > best
        best = torch.where(better, values, best)
        labels = torch.where(better, (indices + first).to(torch.uint8), labels)
    return labels
