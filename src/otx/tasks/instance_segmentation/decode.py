"""Raw outputs of an instance-segmentation graph -> objects; the same code for torch, OpenVINO and ONNX.

Raw outputs, as openvino-model-api's `MaskRCNN` reads them too (N is fixed by the graph, order is free):
    boxes   (B, N, 5) XYXY in pixels of the model's input, and a score in [0, 1]
    labels  (B, N) int64 class indices
    masks   (B, N, h, w) confidence in [0, 1] of the cells of each box
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor
from torchvision import tv_tensors

from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.core.masks import paste
from otx.tasks.instance_segmentation.entity import InstanceSegBatchPredEntity


def decode(
    raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo], *, max_detections: int
) -> InstanceSegBatchPredEntity:
    """Objects in pixels of the original images, best score first.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
        max_detections: The most objects to keep per image.
    """
    found = InstanceSegBatchPredEntity(images, list(imgs_info), bboxes=[], labels=[], masks=[], rles=[], scores=[])
    for boxes_N5, labels_N, masks_Nhw, info in zip(raw["boxes"], raw["labels"], raw["masks"], imgs_info, strict=True):
        scores_N, size = boxes_N5[:, 4].float(), (info.height, info.width)
        order = scores_N.argsort(descending=True, stable=True)
        keep = order[scores_N[order] > 0][:max_detections]  # rows of score 0 are filling
        corners_N4 = boxes_N5[keep, :4]
        # A box may reach into the padding; its cells still share the whole of it.
        whole = to_original(corners_N4, info, clip=False).tolist()
        masks = masks_Nhw[keep].float()
        found.bboxes.append(tv_tensors.BoundingBoxes(to_original(corners_N4, info), format="XYXY", canvas_size=size))
        found.labels.append(labels_N[keep].long())
        found.scores.append(scores_N[keep])
        found.masks.append(tv_tensors.Mask(masks))
        found.rles.append(
            [paste(mask, box, size) for mask, box in zip(masks.detach().cpu().numpy(), whole, strict=True)]
        )
    return found
