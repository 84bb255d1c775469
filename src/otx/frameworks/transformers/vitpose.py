"""ViTPose (https://arxiv.org/abs/2204.12484): a heat map per keypoint of one object, by a plain vision transformer.

It is top-down: samples are objects cut out by their boxes (`InputSpec.object_margin`). Transformers has no loss for it;
the one here is the paper's, squared differences to a Gaussian at each labelled keypoint.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from otx.core.errors import UserError
from otx.core.model import PixelInput
from otx.tasks.keypoint_detection.decode import peaks
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity
from otx.tasks.keypoint_detection.model import OTXKeypointModel

SIGMA = 2.0
"""Spread of the Gaussians in cells of the heat map."""


class TransformersViTPose(PixelInput, OTXKeypointModel):
    """ViTPose; `options` are `backbone_config` and further arguments of its configuration."""

    max_detections = 1

    def create_model(self) -> nn.Module:
        """Build the network from its configuration, with random weights.

        Raises:
            UserError: There is more than one label, which it cannot tell apart.
        """
        from transformers import PreTrainedModel, VitPoseConfig, VitPoseForPoseEstimation

        if len(self.label_info) > 1:
            names = ", ".join(self.label_info.names)
            raise UserError(
                f"ViTPose places the keypoints of one class of objects and cannot tell several apart, got {names}; "
                "take a model that finds objects, such as torchvision/keypointrcnn_resnet50_fpn"
            )
        options = dict(self.options)
        size = {"image_size": list(self.input_spec.size), "num_channels": self.input_spec.channels}
        backbone = {"model_type": "vitpose_backbone", **options.pop("backbone_config"), **size}
        config: Any = VitPoseConfig  # annotated, but not with what its base takes
        network = VitPoseForPoseEstimation(
            config(backbone_config=backbone, num_labels=len(self.label_info.keypoints), **options)
        )
        for part in network.modules():
            if isinstance(part, PreTrainedModel):
                part.loss_function = None  # there is none, of which transformers would warn when it is traced
        return network

    def losses(self, outputs: Any, batch: KeypointBatchDataEntity) -> dict[str, Tensor]:  # noqa: ANN401
        """Squared difference of each heat map to its Gaussian, a mean over the labelled keypoints."""
        heat_BKHW: Tensor = outputs.heatmaps
        places_BK2 = torch.stack([_only(points.as_subclass(Tensor)) for points in batch.keypoints])
        labelled_BK = torch.stack([_only(visible) for visible in batch.visible]) > 0
        truth_BKHW = gaussians(places_BK2 / self._pixels_per_cell(heat_BKHW), heat_BKHW)
        error_BK = (heat_BKHW - truth_BKHW).square().sum(dim=(-2, -1))
        return {"loss_keypoint": (error_BK * labelled_BK).sum() / labelled_BK.sum().clamp_min(1)}

    def _pixels_per_cell(self, heat_BKHW: Tensor) -> Tensor:
        height, width = self.input_spec.size
        return heat_BKHW.new_tensor([width / int(heat_BKHW.shape[-1]), height / int(heat_BKHW.shape[-2])])

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
        """One object that fills the input; its score is the mean of those of its keypoints, the heights of peaks."""
        heat_BKHW: Tensor = outputs.heatmaps.clamp_min(0)
        places_BK2 = peaks(heat_BKHW)[..., :2] * self._pixels_per_cell(heat_BKHW)
        scores_BK1 = heat_BKHW.flatten(2).amax(dim=-1, keepdim=True).clamp_max(1)
        height, width = self.input_spec.size
        frame_B4 = heat_BKHW.new_tensor([0, 0, width, height]).expand(heat_BKHW.shape[0], -1)
        boxes_B5 = torch.cat([frame_B4, scores_BK1.mean(dim=1)], dim=-1)
        return {
            "boxes": boxes_B5.unsqueeze(1),
            "labels": torch.zeros_like(boxes_B5[:, :1], dtype=torch.int64),
            "keypoints": torch.cat([places_BK2, scores_BK1], dim=-1).unsqueeze(1),
        }


def gaussians(places_BK2: Tensor, like_BKHW: Tensor) -> Tensor:
    """A heat map with a peak of height 1 at each place, which is x and y in cells from the top left corner."""
    x_W, y_H = (torch.arange(like_BKHW.shape[axis], device=like_BKHW.device) + 0.5 for axis in (-1, -2))
    x_BK1, y_BK1 = places_BK2.unsqueeze(-1).unbind(-2)
    across_BKW = (-((x_W - x_BK1) ** 2) / (2 * SIGMA**2)).exp()
    down_BKH = (-((y_H - y_BK1) ** 2) / (2 * SIGMA**2)).exp()
    return down_BKH.unsqueeze(-1) * across_BKW.unsqueeze(-2)


def _only(rows_N: Tensor) -> Tensor:
    """The row of the one object that a sample shows, or zeros where augmentation has left none."""
    return torch.cat([rows_N, rows_N.new_zeros(1, *rows_N.shape[1:])])[0]
