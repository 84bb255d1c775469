"""FCOS (https://arxiv.org/abs/1904.01355): anchor-free, learns from scratch, confidence is sqrt(class * centreness)."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead

from otx.frameworks.torchvision.one_stage import OneStage, TorchvisionOneStage, targets
from otx.frameworks.torchvision.pyramid import Pyramid
from otx.tasks.detection.entity import DetBatchDataEntity


class TorchvisionFCOS(TorchvisionOneStage):
    """FCOS as torchvision builds it (`arch`), or over a backbone of any framework.

    `options` of the latter: `backbone`, `backbone_options`, `stages` (see `Pyramid`), `channels` of the
    pyramid and the head (a multiple of 32, for the group norm), `convs` of each branch of the head.
    """

    label_layers = ("detector.head.classification_head.cls_logits",)

    def create_model(self) -> nn.Module:
        """Build the detector with random weights."""
        if self.options:
            return OneStage(self._over_pyramid(**self.options))
        # Frozen batch norm would go with torchvision's pretrained backbone; without one it stays trainable.
        options = {"weights": None, "weights_backbone": None, "num_classes": len(self.label_info)}
        return OneStage(cast("FCOS", get_model(self.arch, **options)))

    def _over_pyramid(self, *, channels: int, convs: int, **body: Any) -> FCOS:  # noqa: ANN401 - see `Pyramid`
        pyramid = Pyramid(self.input_spec.channels, channels=channels, **body)
        return FCOS(
            pyramid,
            num_classes=len(self.label_info),
            # One square anchor per cell, as large as the stride; each level then learns boxes of 4 to 8 strides.
            anchor_generator=AnchorGenerator(
                sizes=tuple((stride,) for stride in pyramid.strides), aspect_ratios=((1.0,),) * len(pyramid.strides)
            ),
            head=FCOSHead(channels, 1, len(self.label_info), num_convs=convs),
        )

    @property
    def _detector(self) -> FCOS:
        return cast("FCOS", self.model.detector)

    def backbone(self) -> list[nn.Module]:
        """Of a backbone of any framework the pyramid is left out: pretrained weights have none of it."""
        return (
            list(self.model.get_submodule("detector.backbone.body").modules()) if self.options else super().backbone()
        )

    def losses(self, outputs: dict[str, Any], batch: DetBatchDataEntity) -> dict[str, Tensor]:
        """Focal loss of the classes, GIoU of the boxes, cross-entropy of the centreness, by torchvision."""
        anchors = [outputs["anchors"]] * batch.batch_size
        losses: dict[str, Tensor] = self._detector.compute_loss(targets(batch), outputs, anchors, outputs["levels"])
        return losses

    def boxes(self, outputs: dict[str, Any]) -> Tensor:
        """Distances to the four sides, in units of the anchor, from the anchor's centre."""
        return self._detector.box_coder.decode(outputs["bbox_regression"], outputs["anchors"])

    def scores(self, outputs: dict[str, Any]) -> Tensor:
        """Geometric mean of class confidence and centreness."""
        scores: Tensor = (outputs["cls_logits"].sigmoid() * outputs["bbox_ctrness"].sigmoid()).sqrt()
        return scores
