"""Raw outputs of a prompting graph -> masks; the same code for torch, OpenVINO and ONNX.

Raw outputs (N prompts: those that were given, filled up, then those that the model made for itself):
    masks    (B, N, h, w) logits over the model's input, usually at a quarter of its resolution
    scores   (B, N) overlap, at best 1, that the model expects the mask to have with the object
    classes  (B, N, C + 1) how surely the mask's pixels are of each class, the last one being none of them
    asked    (B, N, 2, 3) x, y and kind of each prompt (`entity.py`), in pixels of the model's input
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import masks_to_boxes, nms

from otx.core.image_info import ImageInfo
from otx.core.masks import boxes_of
from otx.tasks.visual_prompting.entity import FILLING, OWN, PromptBatchPredEntity, original_masks, prompts_to_original


def decode(
    raw: Mapping[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo], *, own_overlap: float
) -> PromptBatchPredEntity:
    """Masks in pixels of the original images: one per given prompt in order, else what the model found by itself.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
        own_overlap: IoU of boxes above which the worse of two finds of the model's own is dropped.
    """
    found = PromptBatchPredEntity(
        images=images, imgs_info=list(imgs_info), bboxes=[], labels=[], masks=[], rles=[], scores=[], asked=[]
    )
    input_size = (images.shape[-2], images.shape[-1])
    for i, info in enumerate(imgs_info):
        asked, classes_NC, logits = raw["asked"][i].float(), raw["classes"][i].float(), raw["masks"][i].float()
        labels = classes_NC[:, :-1].argmax(dim=1)
        scores = raw["scores"][i].float().clamp(0, 1)
        kinds = asked[:, 0, 2]
        keep = ((kinds != FILLING) & (kinds != OWN)).nonzero().flatten()
        if not len(keep):
            # That it is an object at all: how sure its label is says little where classes look alike.
            scores = scores * (1 - classes_NC[:, -1])
            keep = _survivors(logits > 0, scores, kinds == OWN, own_overlap)
        masks = logits[keep].sigmoid().cpu()
        rles = original_masks(masks, info, input_size)
        boxes = torch.from_numpy(boxes_of(rles)).float()
        found.masks.append(tv_tensors.Mask(masks))
        found.rles.append(rles)
        found.bboxes.append(tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(info.height, info.width)))
        found.labels.append(labels[keep].cpu())
        found.scores.append(scores[keep].cpu())
        found.asked.append(prompts_to_original(asked[keep], info).cpu())
    return found


def _survivors(masks_Nhw: Tensor, scores_N: Tensor, own_N: Tensor, overlap: float) -> Tensor:
    """Indices of the model's own finds that are worth keeping, best score first."""
    candidates = (own_N & masks_Nhw.flatten(1).any(dim=1)).nonzero().flatten()
    boxes = masks_to_boxes(masks_Nhw[candidates]) + masks_Nhw.new_tensor([0, 0, 1, 1], dtype=torch.float32)
    return candidates[nms(boxes, scores_N[candidates], overlap)]
