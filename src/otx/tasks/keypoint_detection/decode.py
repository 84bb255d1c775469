"""Raw outputs of a keypoint graph -> objects with keypoints; the same code for torch, OpenVINO and ONNX.

Raw outputs (N is fixed by the graph, order is free, rows of score 0 are filling):
    boxes      (B, N, 5) XYXY in pixels of the model's input, and a score in [0, 1]
    labels     (B, N) int64 class indices
    keypoints  (B, N, K, 3) x and y in pixels of the model's input, and a score in [0, 1]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.tasks.keypoint_detection.entity import KeypointBatchPredEntity

PEAK_RADIUS = 3
"""Cells of a heat map around its maximum that decide where the keypoint lies between cells."""


def decode(
    raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo], *, max_detections: int
) -> KeypointBatchPredEntity:
    """Objects in pixels of the original images, best score first.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
        max_detections: The most objects to keep per image.
    """
    empty: dict[str, list[Tensor]] = {name: [] for name in ("labels", "visible", "areas", "scores", "keypoint_scores")}
    found = KeypointBatchPredEntity(images=images, imgs_info=list(imgs_info), bboxes=[], keypoints=[], **empty)
    rows = zip(raw["boxes"], raw["labels"], raw["keypoints"], imgs_info, strict=True)
    for boxes_N5, labels_N, points_NK3, info in rows:
        scores_N = boxes_N5[:, 4].float()
        order = scores_N.argsort(descending=True, stable=True)
        keep = order[scores_N[order] > 0][:max_detections]
        size = (info.height, info.width)
        boxes_M4, points_MK3 = to_original(boxes_N5[keep, :4], info), points_NK3[keep].float()
        found.bboxes.append(tv_tensors.BoundingBoxes(boxes_M4, format="XYXY", canvas_size=size))
        found.labels.append(labels_N[keep].long())
        found.scores.append(scores_N[keep])
        found.keypoints.append(tv_tensors.KeyPoints(to_original(points_MK3[..., :2], info), canvas_size=size))
        found.keypoint_scores.append(points_MK3[..., 2])
        found.visible.append(torch.full(points_MK3.shape[:2], 2, device=points_MK3.device))
        found.areas.append((boxes_M4[:, 2:] - boxes_M4[:, :2]).prod(dim=1))
    return found


def peaks(weights_RKHW: Tensor) -> Tensor:
    """Where each heat map is highest, as (R, K, 3): x and y in cells from the top left corner, and the weight there.

    The place is the mean of the cells around the maximum. It traces, with any R.

    Args:
        weights_RKHW: Not negative; if those of a map add up to 1, the weight is a probability.
    """
    height, width = int(weights_RKHW.shape[-2]), int(weights_RKHW.shape[-1])
    index_RK = weights_RKHW.flatten(2).argmax(dim=-1)
    row_RK = torch.div(index_RK, width, rounding_mode="floor")
    near_RKH, y_H = _near(row_RK, height)
    near_RKW, x_W = _near(index_RK - row_RK * width, width)
    local_RKHW = weights_RKHW * near_RKH.unsqueeze(-1) * near_RKW.unsqueeze(-2)
    mass_RK = local_RKHW.sum(dim=(-2, -1))
    x_RK, y_RK = ((local_RKHW.sum(dim=axis) * cells).sum(-1) for axis, cells in ((-2, x_W), (-1, y_H)))
    return torch.stack([x_RK / mass_RK.clamp_min(1e-9), y_RK / mass_RK.clamp_min(1e-9), mass_RK], dim=-1)


def _near(centre_RK: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Which cells of an axis lie near the centre, and the middles of all its cells."""
    cells = torch.arange(length, device=centre_RK.device)
    near = (cells - centre_RK.unsqueeze(-1)).abs() <= PEAK_RADIUS
    return near.float(), cells + 0.5
