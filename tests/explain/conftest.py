"""Models whose answer depends on a place that is known, because their weights are set by hand; one for each task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelGroup, LabelInfo
from otx.core.model import OTXModel
from otx.tasks.anomaly.entity import LABELS
from otx.tasks.anomaly.model import OTXAnomalyModel
from otx.tasks.detection.decode import topk_detections
from otx.tasks.detection.model import OTXDetectionModel
from otx.tasks.hierarchical_classification.model import OTXHLabelClsModel
from otx.tasks.instance_segmentation.model import OTXInstanceSegModel
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.tasks.multi_label_classification.model import OTXMultiLabelClsModel
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel

SIDE, CELL = 32, 8
SPEC = InputSpec(height=SIDE, width=SIDE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
PLACE = (16, 8)
"""Top and left of the red square in the image, which fills a cell."""


class Redness(nn.Module):
    """(B, 1, H, W): how much more red than green there is."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(6.0))

    def forward(self, images: Tensor) -> Tensor:
        return self.sharpness * (images[:, :1] - images[:, 1:2])


class RedQuadrant(Redness):
    """Logits of two labels: whether the lower left quadrant has red in it, and whether it has not."""

    def forward(self, images: Tensor) -> Tensor:
        red_B1 = super().forward(images)[:, :, SIDE // 2 :, : SIDE // 2].mean(dim=(2, 3))
        return torch.cat([4 * red_B1 - 3, 3 - 4 * red_B1], dim=1)


class Planted(OTXModel[Any, Any]):
    network: type[nn.Module] = Redness

    def create_model(self) -> nn.Module:
        return self.network()

    def customize_inputs(self, batch: Any) -> dict[str, Any]:
        return {"images": self.normalize(batch.images)}

    def losses(self, outputs: Any, batch: Any) -> dict[str, Tensor]:
        return {}


class Classifier(Planted, OTXMultiClassClsModel):
    network = RedQuadrant


class MultiLabel(Planted, OTXMultiLabelClsModel):
    network = RedQuadrant


class Tree(Planted, OTXHLabelClsModel):
    network = RedQuadrant


class Detector(Planted, OTXDetectionModel):
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
        scores_BA1 = nn.functional.avg_pool2d(outputs.clamp(0, 1), CELL).flatten(2).transpose(1, 2)
        y, x = torch.meshgrid(*[torch.arange(0, SIDE, CELL)] * 2, indexing="ij")
        boxes_A4 = torch.stack([x, y, x + CELL, y + CELL], dim=-1).reshape(-1, 4).float()
        return topk_detections(boxes_A4.unsqueeze(0).expand(images.shape[0], -1, -1), scores_BA1, 16)


class Segmenter(Detector, OTXInstanceSegModel):
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
        raw = super().raw_outputs(outputs, images)
        return raw | {"masks": torch.ones_like(raw["boxes"][..., :1, None]).expand(-1, -1, 8, 8)}


class Pixels(Planted, OTXSegmentationModel):
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
        return {"logits": torch.cat([outputs, 1 - outputs], dim=1)}


class Anomaly(Planted, OTXAnomalyModel):
    def anomaly_map(self, outputs: Any) -> Tensor:
        return outputs


RED = LabelInfo(("red", "plain"))
MODELS: dict[str, Callable[[], OTXModel[Any, Any]]] = {
    "classes": lambda: Classifier(RED, SPEC),
    "labels": lambda: MultiLabel(RED, SPEC),
    "tree": lambda: Tree(LabelInfo(RED.names, groups=(LabelGroup("colour", RED.names),)), SPEC),
    "boxes": lambda: Detector(LabelInfo(("red",)), SPEC),
    "masks": lambda: Segmenter(LabelInfo(("red",)), SPEC),
    "pixels": lambda: Pixels(RED, SPEC),
    "anomaly": lambda: Anomaly(LABELS, SPEC),
}


@pytest.fixture(params=MODELS)
def planted(request: pytest.FixtureRequest) -> OTXModel[Any, Any]:
    return MODELS[request.param]().eval()


@pytest.fixture
def image() -> Tensor:
    """Grey noise with a red square."""
    torch.manual_seed(0)
    grey = torch.randint(90, 110, (1, 1, SIDE, SIDE)).expand(-1, 3, -1, -1).clone().to(torch.uint8)
    top, left = PLACE
    grey[:, 0, top : top + CELL, left : left + CELL] = 250
    grey[:, 1, top : top + CELL, left : left + CELL] = 10
    return grey
