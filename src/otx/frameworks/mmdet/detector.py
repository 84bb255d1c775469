"""Any detector of MMDetection by the name of its config (seed, figure 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from otx.frameworks.mmdet.dense import dense_detections, is_dense
from otx.frameworks.mmdet.samples import add_up, found_objects, to_samples
from otx.frameworks.openmmlab import build_network, channels_as, layers_named, wants_bgr
from otx.tasks.detection.entity import DetBatchDataEntity
from otx.tasks.detection.model import OTXDetectionModel


class MMDetCompatibleModel(OTXDetectionModel):
    """A detector of MMDetection; `arch` is the name of its config, `options` are changes of its settings.

    Losses are those of its own `loss`. Predictions of one-stage networks are made of the head's maps, so that torch and
    the exported graph share every step; those of all others by its own `predict`, which does not trace.
    """

    candidates: int = 1000

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        network = build_network("mmdet", self.arch, len(self.label_info), self.options)
        self.bgr = wants_bgr("mmdet", self.arch)
        self.dense = is_dense(network)
        if self.dense:
            self.label_layers = layers_named(network, "cls")
            settings: Any = network.test_cfg
            self.nms_iou = float(settings.nms.iou_threshold)
            self.max_detections = int(settings.get("max_per_img", 300))
        return network

    def customize_inputs(self, batch: DetBatchDataEntity) -> dict[str, Any]:
        """The normalised images and MMDetection's samples; the latter hold truth in training mode only."""
        images = channels_as(self.normalize(batch.images), bgr=self.bgr)
        if self.training:
            return {"inputs": images, "data_samples": to_samples(images, batch.bboxes, batch.labels), "mode": "loss"}
        if self.dense:
            return {"inputs": images, "mode": "tensor"}
        return {"inputs": images, "data_samples": to_samples(images), "mode": "predict"}

    def losses(self, outputs: dict[str, Any], batch: DetBatchDataEntity) -> dict[str, Tensor]:
        """MMDetection's own; those that come as a list, one for each level, are added up."""
        return add_up(outputs)

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401 - maps or samples
        """The best pairs of box and class of one-stage networks, what `predict` has found of others."""
        if self.dense:
            return dense_detections(self.model, outputs, images, self.candidates)
        return found_objects(outputs, images, self.max_detections)

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """The channels of a one-stage head that give classes, anchor by anchor."""
        if not self.dense:
            return {}
        head: Any = self.model.bbox_head
        background = head.cls_out_channels - len(self.label_info)
        starts = torch.arange(getattr(head, "num_base_priors", 1)) * (labels + background)
        return {key: rows + starts for key, rows in super().label_rows(labels).items()}
