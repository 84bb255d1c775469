"""Keypoint R-CNN (https://arxiv.org/abs/1703.06870): boxes by Faster R-CNN, and in each a heat map per keypoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection import faster_rcnn, keypoint_rcnn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

from otx.frameworks.torchvision.pyramid import Pyramid
from otx.frameworks.torchvision.two_stage import TwoStage, label_layers, pool_boxes
from otx.tasks.keypoint_detection.decode import peaks
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity
from otx.tasks.keypoint_detection.model import OTXKeypointModel

ANCHOR_STRIDES = 8
"""Side of the anchors of a level, in cells of it, as in torchvision's own."""


class TorchvisionKeypointRCNN(OTXKeypointModel):
    """Keypoint R-CNN as torchvision builds it (`arch`), or over a backbone of any framework.

    `options` of the latter: `backbone`, `backbone_options`, `stages` (see `Pyramid`), `channels` of the
    pyramid and of the four convolutions before the heat maps, `hidden` units of the head that classifies boxes.

    Attributes:
        proposals: Number of boxes per image that the second stage looks at in eval mode.
    """

    proposals: int = 200
    max_detections = 30

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        if self.options:
            network = self._over_pyramid(**self.options)
        else:
            # Frozen batch norm would go with torchvision's pretrained backbone; without one it stays trainable.
            options = {"num_classes": len(self.label_info) + 1, "num_keypoints": len(self.label_info.keypoints)}
            made = get_model(self.arch, weights=None, weights_backbone=None, **options)
            network = cast("keypoint_rcnn.KeypointRCNN", made)
        cast("nn.Module", network.roi_heads.keypoint_predictor).register_forward_hook(_contiguous)
        return TwoStage(network, self.proposals, self.max_detections)

    def _over_pyramid(self, *, channels: int, hidden: int, **body: Any) -> keypoint_rcnn.KeypointRCNN:  # noqa: ANN401 - see `Pyramid`
        pyramid = Pyramid(self.input_spec.channels, channels=channels, **body)
        levels = [str(level) for level in range(len(pyramid.strides))]
        sizes = tuple((ANCHOR_STRIDES * stride,) for stride in pyramid.strides)
        return keypoint_rcnn.KeypointRCNN(
            pyramid,
            rpn_anchor_generator=AnchorGenerator(sizes=sizes, aspect_ratios=((0.5, 1.0, 2.0),) * len(sizes)),
            rpn_batch_size_per_image=128,
            box_batch_size_per_image=64,
            box_roi_pool=MultiScaleRoIAlign(levels, 7, 2),
            box_head=faster_rcnn.TwoMLPHead(channels * 7 * 7, hidden),
            box_predictor=faster_rcnn.FastRCNNPredictor(hidden, len(self.label_info) + 1),
            keypoint_roi_pool=MultiScaleRoIAlign(levels, 14, 2),
            keypoint_head=keypoint_rcnn.KeypointRCNNHeads(channels, (channels,) * 4),
            keypoint_predictor=keypoint_rcnn.KeypointRCNNPredictor(channels, len(self.label_info.keypoints)),
        )

    def customize_inputs(self, batch: KeypointBatchDataEntity) -> dict[str, Any]:
        """The normalised images and, in training mode, the truth as torchvision reads it, with 0 for the background."""
        inputs: dict[str, Any] = {"images": self.normalize(batch.images)}
        if self.training:
            rows = zip(batch.bboxes, batch.labels, batch.keypoints, batch.visible, strict=True)
            inputs["targets"] = [
                {
                    "boxes": boxes.as_subclass(Tensor).float(),
                    "labels": labels + 1,
                    "keypoints": torch.cat([points.as_subclass(Tensor).float(), visible.unsqueeze(-1)], dim=-1),
                }
                for boxes, labels, points, visible in rows
            ]
        return inputs

    def losses(self, outputs: dict[str, Tensor], batch: KeypointBatchDataEntity) -> dict[str, Tensor]:
        """The library's losses: of the proposals, of the boxes, and the cross-entropy of the heat maps."""
        return outputs

    def raw_outputs(self, outputs: dict[str, Any], images: Tensor) -> dict[str, Tensor]:
        """Boxes, labels, and the peak of each heat map; its score is the probability that the keypoint lies there."""
        heads: Any = cast("TwoStage", self.model).detector.roi_heads
        boxes_BN4, size = outputs["boxes"][..., :4], (int(images.shape[-2]), int(images.shape[-1]))
        pooled = pool_boxes(heads.keypoint_roi_pool, outputs["features"], boxes_BN4, size)
        heat_RKHW = heads.keypoint_predictor(heads.keypoint_head(pooled))
        probability = heat_RKHW.flatten(2).softmax(dim=-1).reshape(heat_RKHW.shape)
        points_BNK3 = peaks(probability).reshape(-1, boxes_BN4.shape[1], heat_RKHW.shape[1], 3)
        corner, far = boxes_BN4.unsqueeze(2).chunk(2, dim=-1)
        places = corner + points_BNK3[..., :2] * (far - corner) / heat_RKHW.shape[-1]
        keypoints = torch.cat([places, points_BNK3[..., 2:]], dim=-1)
        return {"boxes": outputs["boxes"], "labels": outputs["labels"], "keypoints": keypoints}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """One row of the classification per label, and four of the boxes, behind those of the background."""
        return label_layers(labels)


def _contiguous(module: nn.Module, inputs: Any, heat_RKHW: Tensor) -> Tensor:  # noqa: ANN401, ARG001 - a hook
    """Heat maps as torchvision's loss reads them, also where channels lie together in memory."""
    return heat_RKHW.contiguous()
