"""Boxes relative to anchors: SSD (https://arxiv.org/abs/1512.02325), RetinaNet (https://arxiv.org/abs/1708.02002)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection.retinanet import RetinaNet
from torchvision.models.detection.ssd import SSD
from torchvision.ops import box_iou

from otx.frameworks.torchvision.one_stage import OneStage, TorchvisionOneStage, rows_per_anchor, targets
from otx.tasks.detection.entity import DetBatchDataEntity


class AnchorBased(TorchvisionOneStage):
    """A detector whose boxes are encoded relative to anchors; `arch` is torchvision's name.

    Attributes:
        background: Number of classes that stand before the labels.
    """

    background: int = 0

    def create_model(self) -> nn.Module:
        """Build the detector with random weights."""
        classes = len(self.label_info) + self.background
        network = get_model(self.arch, weights=None, weights_backbone=None, num_classes=classes)
        return OneStage(cast("RetinaNet | SSD", network))

    @property
    def _detector(self) -> RetinaNet | SSD:
        return cast("RetinaNet | SSD", self.model.detector)

    def boxes(self, outputs: dict[str, Any]) -> Tensor:
        """Offsets and log scales, relative to the anchors."""
        codes_BA4: Tensor = outputs["bbox_regression"]
        anchors_BA4 = outputs["anchors"].unsqueeze(0).expand_as(codes_BA4)
        # The box coder takes one flat list of boxes.
        boxes_N4 = self._detector.box_coder.decode_single(codes_BA4.reshape(-1, 4), anchors_BA4.reshape(-1, 4))
        return boxes_N4.reshape(codes_BA4.shape)

    def losses(self, outputs: dict[str, Any], batch: DetBatchDataEntity) -> dict[str, Tensor]:
        """The library's losses, after its own matching of anchors and boxes."""
        truth = targets(batch, self.background)
        anchors = outputs["anchors"]
        matched = [self._match(target["boxes"], anchors) for target in truth]
        return self._compute_loss(truth, outputs, [anchors] * batch.batch_size, matched)

    def _match(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        if not len(boxes):
            return torch.full((len(anchors),), -1, dtype=torch.int64, device=anchors.device)
        return self._detector.proposal_matcher(box_iou(boxes, anchors))

    def _compute_loss(
        self, truth: list[dict[str, Tensor]], outputs: dict[str, Any], anchors: list[Tensor], matched: list[Tensor]
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = cast("SSD", self._detector).compute_loss(truth, outputs, anchors, matched)
        return losses

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """The output channels of the classification layers, for each anchor."""
        per_location = self._detector.anchor_generator.num_anchors_per_location()
        return {
            f"{layer}.{kind}": rows_per_anchor(labels, anchors, self.background)
            for layer, anchors in zip(self._class_layers(), per_location, strict=True)
            for kind in ("weight", "bias")
        }

    def _class_layers(self) -> list[str]:
        prefix = "model.detector.head.classification_head.module_list"
        levels: Any = cast("SSD", self._detector).head.get_submodule("classification_head.module_list")
        # A level is one convolution (SSD), or a block that ends with one (SSDLite).
        ends = [f".{len(level) - 1}" if isinstance(level, nn.Sequential) else "" for level in levels]
        return [f"{prefix}.{level}{end}" for level, end in enumerate(ends)]


class TorchvisionSSD(AnchorBased):
    """SSD and SSDLite: softmax over the labels and a background class."""

    background = 1

    def scores(self, outputs: dict[str, Any]) -> Tensor:
        """Probability of each label."""
        scores: Tensor = outputs["cls_logits"].softmax(dim=-1)[..., 1:]
        return scores


class TorchvisionRetinaNet(AnchorBased):
    """RetinaNet: a sigmoid per label, trained with focal loss."""

    def scores(self, outputs: dict[str, Any]) -> Tensor:
        """Confidence of each label."""
        scores: Tensor = outputs["cls_logits"].sigmoid()
        return scores

    def _compute_loss(
        self, truth: list[dict[str, Tensor]], outputs: dict[str, Any], anchors: list[Tensor], matched: list[Tensor]
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = cast("Any", self._detector.head).compute_loss(truth, outputs, anchors, matched)
        return losses

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """The output channels of the one classification layer, for each anchor."""
        layer = "model.detector.head.classification_head.cls_logits"
        rows = rows_per_anchor(labels, self._detector.anchor_generator.num_anchors_per_location()[0])
        return {f"{layer}.{kind}": rows for kind in ("weight", "bias")}
