"""Any instance-segmentation model of MMDetection by the name of its config."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from otx.frameworks.mmdet.samples import add_up, found_objects, to_samples
from otx.frameworks.openmmlab import build_network, channels_as, wants_bgr
from otx.tasks.instance_segmentation.entity import InstanceSegBatchDataEntity
from otx.tasks.instance_segmentation.model import OTXInstanceSegModel


class MMDetInstanceSegModel(OTXInstanceSegModel):
    """A model of MMDetection that finds masks; `arch` is the name of its config, `options` changes of its settings.

    Losses and predictions are MMDetection's own; the latter do not trace, so it is not exported.
    """

    def create_model(self) -> nn.Module:
        """Build the network with random weights."""
        self.bgr = wants_bgr("mmdet", self.arch)
        return build_network("mmdet", self.arch, len(self.label_info), self.options)

    def customize_inputs(self, batch: InstanceSegBatchDataEntity) -> dict[str, Any]:
        """The normalised images and MMDetection's samples; the latter hold truth in training mode only."""
        images = channels_as(self.normalize(batch.images), bgr=self.bgr)
        truth = (batch.bboxes, batch.labels, batch.masks) if self.training else ()
        mode = "loss" if self.training else "predict"
        return {"inputs": images, "data_samples": to_samples(images, *truth), "mode": mode}

    def losses(self, outputs: dict[str, Any], batch: InstanceSegBatchDataEntity) -> dict[str, Tensor]:
        """MMDetection's own; those that come as a list, one for each level, are added up."""
        return add_up(outputs)

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401 - samples
        """What `predict` has found; the masks are cut into cells of their boxes."""
        return found_objects(outputs, images, self.max_detections)
