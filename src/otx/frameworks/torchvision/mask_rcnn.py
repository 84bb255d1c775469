"""Mask R-CNN (https://arxiv.org/abs/1703.06870): proposals, then a box, a label and a small mask for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor

from otx.frameworks.torchvision.pyramid import Pyramid
from otx.frameworks.torchvision.two_stage import TwoStage, label_layers, pool_boxes
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity
from otx.tasks.instance_segmentation.model import OTXInstanceSegModel

POOLED = 7
"""Cells that the box head sees of a proposal, down and across."""
ASPECTS = (0.5, 1.0, 2.0)


class TorchvisionMaskRCNN(OTXInstanceSegModel):
    """Mask R-CNN as torchvision builds it (`arch`), or over a backbone of any framework.

    `options` of the latter: `backbone`, `backbone_options`, `stages` (see `Pyramid`), `channels` of the
    pyramid and the mask head, `hidden` units of the box head, `anchors`, their sides in cells of each level, and
    `settings`, further arguments of torchvision's `MaskRCNN`.

    Attributes:
        proposals: Number of boxes per image that the second stage looks at.
    """

    proposals: int = 200

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        if self.options:
            network = self._over_pyramid(**self.options)
        else:
            settings = {"weights": None, "weights_backbone": None, "num_classes": len(self.label_info) + 1}
            network = cast("MaskRCNN", get_model(self.arch, **settings))
        return TwoStage(network, self.proposals, self.max_detections)

    def _over_pyramid(
        self,
        *,
        channels: int,
        hidden: int,
        anchors: Sequence[float],
        settings: Mapping[str, Any],
        **body: Any,  # noqa: ANN401 - see `Pyramid`
    ) -> MaskRCNN:
        pyramid = Pyramid(self.input_spec.channels, channels=channels, **body)
        classes = len(self.label_info) + 1
        levels = tuple(tuple(side * stride for side in anchors) for stride in pyramid.strides)
        return MaskRCNN(
            pyramid,
            rpn_anchor_generator=AnchorGenerator(sizes=levels, aspect_ratios=(ASPECTS,) * len(levels)),
            rpn_pre_nms_top_n_train=self.proposals,
            rpn_post_nms_top_n_train=self.proposals,
            box_head=TwoMLPHead(channels * POOLED**2, hidden),
            box_predictor=FastRCNNPredictor(hidden, classes),
            mask_head=MaskRCNNHeads(channels, (channels, channels), 1),
            mask_predictor=MaskRCNNPredictor(channels, channels, classes),
            **settings,
        )

    def customize_inputs(self, batch: InstanceSegBatchDataEntity) -> dict[str, Any]:
        """The normalised images and, in training mode, the truth; class 0 is the background."""
        inputs: dict[str, Any] = {"images": self.normalize(batch.images)}
        if self.training:
            inputs["targets"] = [
                {"boxes": boxes.as_subclass(Tensor).float(), "labels": labels + 1, "masks": masks.as_subclass(Tensor)}
                for boxes, labels, masks in zip(batch.bboxes, batch.labels, batch.masks, strict=True)
            ]
        return inputs

    def losses(self, outputs: dict[str, Tensor], batch: InstanceSegBatchDataEntity) -> dict[str, Tensor]:
        """The five losses of the paper, by torchvision."""
        return outputs

    def raw_outputs(self, outputs: dict[str, Any], images: Tensor) -> dict[str, Tensor]:
        """Boxes and labels, and of the masks that there are for each box the one of its label."""
        heads: Any = cast("TwoStage", self.model).detector.roi_heads
        boxes_BN5, labels_BN = outputs["boxes"], outputs["labels"]
        size = (int(images.shape[-2]), int(images.shape[-1]))
        pooled = pool_boxes(heads.mask_roi_pool, outputs["features"], boxes_BN5[..., :4], size)
        logits_RChw = heads.mask_predictor(heads.mask_head(pooled))
        side = logits_RChw.shape[-1]
        index_R1hw = (labels_BN + 1).reshape(-1, 1, 1, 1).expand(-1, 1, side, side)
        masks = logits_RChw.gather(1, index_R1hw).sigmoid().reshape(-1, boxes_BN5.shape[1], side, side)
        return {"boxes": boxes_BN5, "labels": labels_BN, "masks": masks}

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """A class, four sides of a box and a mask per label, behind those of the background."""
        return label_layers(labels, ("mask_predictor.mask_fcn_logits",))
