"""Networks whose queries answer with a class and a mask of the whole image: Mask2Former (arxiv.org/abs/2112.01527)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from otx.frameworks.transformers.detr import quiet
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity
from otx.tasks.instance_segmentation.model import OTXInstanceSegModel

CELLS = 56
"""Side of the mask that is cut out for each object; a mask of the whole image has a quarter of its sides."""


class TransformersMaskQueries(OTXInstanceSegModel):
    """A network of the Mask2Former family; `arch` is transformers' model type, `options` go to its configuration."""

    def create_model(self) -> nn.Module:
        """Build the network from its configuration, with random weights."""
        from transformers import AutoConfig, AutoModelForUniversalSegmentation

        config = AutoConfig.for_model(self.arch, num_labels=len(self.label_info), **self.options)
        with quiet():  # the library has tried it with its published backbones only
            network: nn.Module = AutoModelForUniversalSegmentation.from_config(config)
        return network

    def customize_inputs(self, batch: InstanceSegBatchDataEntity) -> dict[str, Any]:
        """The normalised images and, in training mode, the truth."""
        inputs: dict[str, Any] = {"pixel_values": self.normalize(batch.images)}
        if self.training:
            inputs["mask_labels"] = [masks.as_subclass(Tensor).float() for masks in batch.masks]
            inputs["class_labels"] = batch.labels
        return inputs

    def losses(self, outputs: Any, batch: InstanceSegBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """The library's losses of classes and masks, summed over the layers of the decoder."""
        return {"loss": outputs.loss}

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """The best pairs of query and class; the box is what spans the mask, and a sure mask makes a better score."""
        masks_BQhw = outputs.masks_queries_logits.sigmoid()
        inside_BQhw = (masks_BQhw > 0.5).to(masks_BQhw)
        sure_BQ = (masks_BQhw * inside_BQhw).sum((2, 3)) / inside_BQhw.sum((2, 3)).clamp_min(1)
        scores_BQC = outputs.class_queries_logits.softmax(dim=-1)[..., :-1] * sure_BQ.unsqueeze(-1)
        queries, classes = scores_BQC.shape[1:]
        scores_BN, index_BN = scores_BQC.flatten(1).topk(min(self.max_detections, queries * classes), dim=1)
        query_BN = torch.div(index_BN, classes, rounding_mode="floor")
        boxes_BN4 = _spans(inside_BQhw).gather(1, query_BN.unsqueeze(-1).expand(-1, -1, 4))
        stride = images.shape[-1] / masks_BQhw.shape[-1]
        return {
            "boxes": torch.cat([boxes_BN4 * stride, scores_BN.unsqueeze(-1)], dim=-1),
            "labels": index_BN - query_BN * classes,
            "masks": _cut(masks_BQhw, query_BN, boxes_BN4),
        }

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """A row per label in the classification and in the weights of its loss, before that of no object."""
        rows = torch.arange(labels).unsqueeze(1)
        keys = ("class_predictor.weight", "class_predictor.bias", "criterion.empty_weight")
        return {f"model.{key}": rows for key in keys}


def _spans(inside_BQhw: Tensor) -> Tensor:
    """(B, Q, 4) XYXY around what is 1, in cells; all 0 where nothing is."""
    edges = []
    for axis in (2, 3):  # over the rows, for columns, then the other way round
        taken = inside_BQhw.amax(dim=axis)
        place = torch.arange(taken.shape[-1], device=taken.device, dtype=taken.dtype)
        first = (place + (1 - taken) * taken.shape[-1]).amin(dim=-1)
        last = ((place + 1) * taken).amax(dim=-1)
        edges.append((first.minimum(last), last))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], dim=-1)


def _cut(masks_BQhw: Tensor, query_BN: Tensor, boxes_BN4: Tensor) -> Tensor:
    """(B, N, CELLS, CELLS) of each object's mask what lies in its box."""
    batch, queries = masks_BQhw.shape[:2]
    first_B1 = torch.arange(batch, device=query_BN.device).unsqueeze(1) * queries
    rois_R5 = torch.cat([(first_B1 + query_BN).unsqueeze(-1).to(boxes_BN4), boxes_BN4], dim=-1).flatten(0, 1)
    cut = roi_align(masks_BQhw.flatten(0, 1).unsqueeze(1), rois_R5, CELLS, sampling_ratio=1, aligned=True)
    return cut.reshape(-1, query_BN.shape[1], CELLS, CELLS)
