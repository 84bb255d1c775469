"""Raw outputs of an instance-segmentation graph -> rotated boxes; the same code for torch, OpenVINO and ONNX.

The raw outputs are those of instance segmentation (`boxes`, `labels`, `masks`); a rotated box is the rectangle of least
area around a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.core.rotated_boxes import around_mask, survivors
from otx.tasks.rotated_detection.entity import RotatedDetBatchPredEntity


def decode(
    raw: Mapping[str, Tensor],
    images: Tensor,
    imgs_info: Sequence[ImageInfo],
    *,
    rotated_nms_iou: float,
    max_detections: int,
) -> RotatedDetBatchPredEntity:
    """Rotated boxes in pixels of the original images, best score first.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
        rotated_nms_iou: Overlap above which the weaker of two rotated boxes of a class is dropped.
        max_detections: The most boxes to keep per image.
    """
    found = RotatedDetBatchPredEntity(images, list(imgs_info), bboxes=[], corners=[], labels=[], scores=[])
    for boxes_N5, labels_N, masks_Nhw, info in zip(raw["boxes"], raw["labels"], raw["masks"], imgs_info, strict=True):
        order = boxes_N5[:, 4].argsort(descending=True, stable=True)
        order = order[boxes_N5[order, 4] > 0]  # rows of score 0 are filling
        upright = to_original(boxes_N5[order, :4].detach(), info, clip=False).tolist()
        masks = masks_Nhw[order].detach().float().cpu().numpy()
        quads = [around_mask(mask, box) for mask, box in zip(masks, upright, strict=True)]
        corners_N42 = np.array(quads, np.float32).reshape(-1, 4, 2)
        kept = survivors(corners_N42, labels_N[order].cpu().numpy(), rotated_nms_iou)[:max_detections]
        order, corners = order[kept], torch.from_numpy(corners_N42[kept]).to(boxes_N5.device)
        size = (info.height, info.width)
        hulls = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
        hulls = hulls.clamp_min(0).minimum(hulls.new_tensor([info.width, info.height] * 2))
        found.bboxes.append(tv_tensors.BoundingBoxes(hulls, format="XYXY", canvas_size=size))
        found.corners.append(tv_tensors.KeyPoints(corners, canvas_size=size))
        found.labels.append(labels_N[order].long())
        found.scores.append(boxes_N5[order, 4].float())
    return found
