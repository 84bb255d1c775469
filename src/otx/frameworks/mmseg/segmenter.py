"""Any semantic segmenter of MMSegmentation by the name of its config."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from otx.frameworks.openmmlab import build_network, channels_as, layers_named, wants_bgr
from otx.tasks.semantic_segmentation.entity import SegBatchDataEntity
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel


class MMSegCompatibleModel(OTXSegmentationModel):
    """A segmenter of MMSegmentation; `arch` is the name of its config, `options` are changes of its settings."""

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        self.bgr = wants_bgr("mmseg", self.arch)
        network = build_network("mmseg", self.arch, len(self.label_info), self.options)
        self.label_layers = layers_named(network, "conv_seg", "cls_seg")
        return network

    def customize_inputs(self, batch: SegBatchDataEntity) -> dict[str, Any]:
        """The normalised images; in training mode MMSegmentation's samples, too, for its own loss."""
        images = channels_as(self.normalize(batch.images), bgr=self.bgr)
        if not self.training:
            return {"inputs": images, "mode": "tensor"}
        from mmengine.structures import PixelData
        from mmseg.structures import SegDataSample

        samples = [
            SegDataSample(gt_sem_seg=PixelData(data=mask.as_subclass(Tensor).long().unsqueeze(0)))
            for mask in batch.masks
        ]
        return {"inputs": images, "data_samples": samples, "mode": "loss"}

    def losses(self, outputs: dict[str, Tensor], batch: SegBatchDataEntity) -> dict[str, Tensor]:
        """MMSegmentation's own, of the head and of the auxiliary heads."""
        return {name: value for name, value in outputs.items() if "loss" in name}
